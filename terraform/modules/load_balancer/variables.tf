variable "access_log_bucket_name" {
  description = "Name of the bucket that each request is logged in; null for no access logs."
  type        = string
  default     = null
}

variable "certificate_arn" {
  description = "ARN of an ACM certificate that exists and holds for domain_name; null makes one."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether the load balancer has deletion protection."
  type        = bool
  default     = false
  nullable    = false
}

variable "domain_name" {
  description = "Host name of the certificate for HTTPS, such as app.example.com or *.example.com; null serves plain HTTP under the load balancer's own name."
  type        = string
  default     = null
}

variable "idle_timeout_seconds" {
  description = "Seconds of silence after which the load balancer closes a connection: that of a client, or one to a target that has not answered yet or is between two requests."
  type        = number
  default     = 60
  nullable    = false
}

variable "name" {
  description = "Name of the load balancer, and prefix of its security group's."
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

variable "target_group_arn" {
  description = "ARN of the target group that gets the requests; null for none: without a rule of its listener, a request gets 404."
  type        = string
  default     = null

  validation {
    condition     = var.target_group_arn != null || var.domain_name != null
    error_message = "target_group_arn is not set, and domain_name neither; a load balancer of several apps needs HTTPS."
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
