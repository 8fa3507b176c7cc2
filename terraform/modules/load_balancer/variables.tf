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

  validation {
    condition     = var.domain_name == null || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.domain_name))
    error_message = "domain_name must be a host name in lower case, such as tasks.example.org, or null."
  }

  validation {
    condition     = var.domain_name == null || try(var.domain_name == var.zone_name || endswith(var.domain_name, ".${var.zone_name}"), false)
    error_message = "domain_name needs zone_name, the Route 53 zone that it is or ends with: the certificate is proved by a record there."
  }
}

variable "health_check_path" {
  description = "Path that answers 200 when a task is ready for requests."
  type        = string
  default     = "/health"
  nullable    = false

  validation {
    condition     = can(regex("^/[^ ?#]*$", var.health_check_path))
    error_message = "health_check_path is \"${var.health_check_path}\"; it must be a path that begins with / and has no query."
  }
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
  default     = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  nullable    = false

  validation {
    condition     = can(regex("^ELBSecurityPolicy-TLS13-1-[23]-", var.ssl_policy))
    error_message = "ssl_policy is \"${var.ssl_policy}\"; it must begin with ELBSecurityPolicy-TLS13-1-2- or ELBSecurityPolicy-TLS13-1-3-: older policies let in TLS 1.0 or 1.1."
  }
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

  validation {
    condition     = !var.zone_create || var.zone_name != null
    error_message = "zone_create needs zone_name, the name of the zone to create."
  }
}

variable "zone_name" {
  description = "Name of the Route 53 zone that domain_name is in; null for none."
  type        = string
  default     = null
}
