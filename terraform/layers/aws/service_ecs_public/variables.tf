variable "allowed_cidr_blocks" {
  description = "IPv4 ranges that may reach the application, in CIDR notation."
  type        = list(string)
  default     = ["0.0.0.0/0"]
  nullable    = false

  validation {
    condition = length(var.allowed_cidr_blocks) > 0 && alltrue([
      for block in var.allowed_cidr_blocks : can(regex("^[0-9.]+/[0-9]+$", block)) && try(cidrsubnet(block, 0, 0), "") == block
    ])
    error_message = "allowed_cidr_blocks must be at least one IPv4 network address with its length, such as 203.0.113.0/24; they are: ${join(", ", var.allowed_cidr_blocks)}."
  }
}

variable "container_insights_enabled" {
  description = "Whether CloudWatch also collects metrics of each task, at a price for each metric."
  type        = bool
  default     = false
  nullable    = false
}

variable "container_port" {
  description = "TCP port the application listens on, from 1024 up; handed to it as PORT."
  type        = number
  default     = 8000
  nullable    = false
}

variable "cpu_architecture" {
  description = "CPU architecture the image is built for: X86_64 or ARM64."
  type        = string
  default     = "X86_64"
  nullable    = false
}

variable "cpu_units" {
  description = "CPU of a task in units of 1/1024 vCPU: 256, 512, 1024, 2048 or 4096."
  type        = number
  default     = 256
  nullable    = false
}

variable "data_app_security_group_id" {
  description = "Id of the application's security group, which the database admits."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.data_app_security_group_id, "sg-")
    error_message = "data_app_security_group_id is \"${var.data_app_security_group_id}\"; it must begin with sg-."
  }
}

variable "data_bucket_arn" {
  description = "ARN of the bucket whose objects the application reads, writes and deletes; null for none."
  type        = string
  default     = null
}

variable "desired_count" {
  description = "Number of tasks to run."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.desired_count >= 1 && floor(var.desired_count) == var.desired_count
    error_message = "desired_count is ${var.desired_count}; it must be a whole number of at least 1."
  }
}

variable "environment_variables" {
  description = "Environment of the application, nothing secret in it. AWS_DEFAULT_REGION, AWS_REGION, IMAGE_DIGEST and PORT are set by the layer and override it."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "execute_command_enabled" {
  description = "Whether ECS Exec may open a session into the tasks."
  type        = bool
  default     = true
  nullable    = false
}

variable "health_check_command" {
  description = "Command whose exit code 0 says that the container is alive, beginning with CMD or CMD-SHELL; null asks GET /healthz with the image's own Python."
  type        = list(string)
  default     = null
}

variable "image" {
  description = "Image by digest: <repository>@sha256:<64 hexadecimal digits>."
  type        = string
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that log entries are kept."
  type        = number
  default     = 7
  nullable    = false
}

variable "memory_mib" {
  description = "Memory of a task in MiB; which sizes there are depends on cpu_units."
  type        = number
  default     = 512
  nullable    = false
}

variable "name" {
  description = "Prefix of every resource's name: <environment>-<app>."
  type        = string
  nullable    = false

  validation {
    condition = (
      length(var.name) <= 28
      && can(regex("^[a-z][a-z0-9-]*[a-z0-9]$", var.name))
      && !strcontains(var.name, "--")
    )
    error_message = "name is \"${var.name}\"; it must have 2 to 28 characters: lower-case letters, digits and single hyphens, first a letter, last no hyphen."
  }
}

variable "network_public_subnet_ids" {
  description = "Ids of the public subnets that the tasks run in."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(distinct(var.network_public_subnet_ids)) >= 1 && alltrue([for id in var.network_public_subnet_ids : startswith(id, "subnet-")])
    error_message = "network_public_subnet_ids must be at least one id that begin with subnet-; they are: ${join(", ", var.network_public_subnet_ids)}."
  }
}

variable "network_vpc_id" {
  description = "Id of the VPC."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.network_vpc_id, "vpc-")
    error_message = "network_vpc_id is \"${var.network_vpc_id}\"; it must begin with vpc-."
  }
}

variable "readable_secret_arns" {
  description = "ARNs of the secrets that the application may read."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "region" {
  description = "AWS region that holds every resource of this layer."
  type        = string
  default     = "us-east-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is \"${var.region}\"; it must be an AWS region's code such as us-east-1."
  }
}

variable "registry_repository_arn" {
  description = "ARN of the ECR repository to pull from; null when the image comes from a public registry."
  type        = string
}

variable "start_period_seconds" {
  description = "Seconds after its start in which a container's failed health checks do not count."
  type        = number
  default     = 30
  nullable    = false
}

variable "stop_timeout_seconds" {
  description = "Seconds from SIGTERM to SIGKILL when a task stops; more than the application takes to finish running requests."
  type        = number
  default     = 30
  nullable    = false
}

variable "tags" {
  description = "Tags of every resource; Environment and Project are required, ManagedBy is added by the layer."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for key in ["Environment", "Project"] : length(trimspace(lookup(var.tags, key, ""))) > 0])
    error_message = "tags must hold Environment and Project, each with a value; it holds: ${join(", ", keys(var.tags))}."
  }
}

variable "tmp_size_mib" {
  description = "Largest size in MiB of /tmp, the one writable directory; what is written there counts as the task's memory."
  type        = number
  default     = 128
  nullable    = false
}

variable "user" {
  description = "Numeric id of the user the application runs as; not root."
  type        = string
  default     = "10001"
  nullable    = false
}
