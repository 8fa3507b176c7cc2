variable "alarm_action_arns" {
  description = "ARNs that are notified when an alarm goes into ALARM or back to OK, such as SNS topics."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "container_insights_enabled" {
  description = "Whether CloudWatch collects metrics of each task, at a price for each metric; without it there is no alarm on running tasks."
  type        = bool
  default     = true
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

variable "cpu_target_percent" {
  description = "Average CPU use in percent that auto-scaling keeps the service at."
  type        = number
  default     = 70
  nullable    = false

  validation {
    condition     = var.cpu_target_percent >= 10 && var.cpu_target_percent <= 95
    error_message = "cpu_target_percent is ${var.cpu_target_percent}; it must be from 10 to 95."
  }
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

variable "data_database_instance_identifier" {
  description = "Identifier of the RDS instance whose CPU an alarm watches; null for none."
  type        = string
  default     = null
}

variable "domain_name" {
  description = "Host name of the application, served by HTTPS with a certificate; null serves plain HTTP under the load balancer's own name."
  type        = string
  default     = null
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

variable "health_check_grace_period_seconds" {
  description = "Seconds after a task's start in which failed health checks of the load balancer do not stop it."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.health_check_grace_period_seconds >= 0 && var.health_check_grace_period_seconds <= 3600
    error_message = "health_check_grace_period_seconds is ${var.health_check_grace_period_seconds}; it must be from 0 to 3600."
  }
}

variable "health_check_path" {
  description = "Path that answers 200 when a task is ready for requests."
  type        = string
  default     = "/health"
  nullable    = false
}

variable "image" {
  description = "Image by digest: <repository>@sha256:<64 hexadecimal digits>."
  type        = string
  nullable    = false
}

variable "load_balancer_deletion_protection" {
  description = "Whether the load balancer has deletion protection."
  type        = bool
  default     = false
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that log entries are kept."
  type        = number
  default     = 7
  nullable    = false
}

variable "max_count" {
  description = "Largest number of tasks that auto-scaling runs."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.max_count >= var.min_count && floor(var.max_count) == var.max_count
    error_message = "max_count is ${var.max_count}; it must be a whole number of at least min_count (${var.min_count})."
  }
}

variable "memory_mib" {
  description = "Memory of a task in MiB; which sizes there are depends on cpu_units."
  type        = number
  default     = 512
  nullable    = false
}

variable "min_count" {
  description = "Smallest number of tasks that auto-scaling runs; an alarm goes off below it."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.min_count >= 1 && floor(var.min_count) == var.min_count
    error_message = "min_count is ${var.min_count}; it must be a whole number of at least 1."
  }
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

  validation {
    condition     = !startswith(var.name, "internal-")
    error_message = "name is \"${var.name}\"; AWS refuses load balancers whose name begins with internal-."
  }
}

variable "network_private_subnet_ids" {
  description = "Ids of the private subnets that the tasks run in, in two availability zones at least."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(distinct(var.network_private_subnet_ids)) >= 2 && alltrue([for id in var.network_private_subnet_ids : startswith(id, "subnet-")])
    error_message = "network_private_subnet_ids must be at least two different ids that begin with subnet-; they are: ${join(", ", var.network_private_subnet_ids)}."
  }
}

variable "network_public_subnet_ids" {
  description = "Ids of the public subnets that the load balancer is in, in two availability zones at least."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(distinct(var.network_public_subnet_ids)) >= 2 && alltrue([for id in var.network_public_subnet_ids : startswith(id, "subnet-")])
    error_message = "network_public_subnet_ids must be at least two different ids that begin with subnet-; they are: ${join(", ", var.network_public_subnet_ids)}."
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

variable "ssl_policy" {
  description = "Name of the load balancer's TLS policy; one that begins with TLS 1.2 or newer."
  type        = string
  default     = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  nullable    = false
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
