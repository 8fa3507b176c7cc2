variable "access_log_bucket_name" {
  description = "Name of the bucket that each request is logged in; null for no access logs."
  type        = string
  default     = null
}

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

variable "deletion_protection" {
  description = "Whether the load balancer has deletion protection."
  type        = bool
  default     = false
  nullable    = false
}

variable "domain_name" {
  description = "Host name of the application, served by HTTPS with a certificate; null serves plain HTTP under the load balancer's own name."
  type        = string
  default     = null
}

variable "health_check_path" {
  description = "Path that answers 200 as long as a target is to get requests."
  type        = string
  default     = "/healthz"
  nullable    = false
}

variable "name" {
  description = "Name of the load balancer and of its target group, and prefix of its security group's."
  type        = string
  nullable    = false
}

variable "public_subnet_ids" {
  description = "Ids of the public subnets that the load balancer is in."
  type        = list(string)
  nullable    = false
}

variable "ssl_policy" {
  description = "Name of the load balancer's TLS policy; one that begins with TLS 1.2 or newer."
  type        = string
  default     = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
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

variable "zone_create" {
  description = "Whether to create the Route 53 zone; otherwise it must exist."
  type        = bool
  default     = false
  nullable    = false
}

variable "zone_name" {
  description = "Name of the Route 53 zone that domain_name is in; null for none."
  type        = string
  default     = null
}
