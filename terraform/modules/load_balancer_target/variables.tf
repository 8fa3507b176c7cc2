variable "app_security_group_id" {
  description = "Id of the application's security group, which the load balancer reaches."
  type        = string
  nullable    = false
}

variable "container_port" {
  description = "TCP port the application listens on."
  type        = number
  nullable    = false
}

variable "domain_name" {
  description = "Host name of the application; null for the load balancer's own name."
  type        = string
  default     = null
}

variable "health_check_codes" {
  description = "HTTP codes of a healthy target, such as 200, 200,301 or 200-399; null for 200, and for 200-499 without a health_check_path."
  type        = string
  default     = null
}

variable "health_check_path" {
  description = "Path that a target is asked for; null for /healthz."
  type        = string
  default     = null
}

variable "listener_arn" {
  description = "ARN of the HTTPS listener of a shared load balancer; null where the load balancer is the app's own."
  type        = string
  default     = null
}

variable "load_balancer_dns_name" {
  description = "DNS name of the load balancer."
  type        = string
  nullable    = false
}

variable "load_balancer_security_group_id" {
  description = "Id of the load balancer's security group."
  type        = string
  nullable    = false
}

variable "load_balancer_zone_id" {
  description = "Id of the zone that AWS keeps the load balancer's DNS name in."
  type        = string
  nullable    = false
}

variable "name" {
  description = "Name of the target group, with -net at its end on a shared load balancer."
  type        = string
  nullable    = false
}

variable "shared" {
  description = "Whether other apps use the load balancer, so that this one gets what is for domain_name, by a rule of listener_arn."
  type        = bool
  default     = false
  nullable    = false
}

variable "target_type" {
  description = "What is registered: ip for ECS tasks, instance for EC2 instances."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["instance", "ip"], var.target_type)
    error_message = "target_type is \"${var.target_type}\"; allowed are instance and ip."
  }
}

variable "vpc_id" {
  description = "Id of the VPC."
  type        = string
  nullable    = false
}

variable "zone_id" {
  description = "Id of the Route 53 zone that domain_name is in; null for none."
  type        = string
  default     = null
}
