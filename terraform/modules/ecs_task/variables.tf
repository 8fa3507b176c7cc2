variable "container_port" {
  description = "TCP port the application listens on; handed to it as PORT."
  type        = number
  nullable    = false

  validation {
    condition     = var.container_port >= 1024 && var.container_port <= 65535 && floor(var.container_port) == var.container_port
    error_message = "container_port is ${var.container_port}; it must be a whole number from 1024 to 65535, because ports below are root's and the application is not root."
  }
}

variable "cpu_architecture" {
  description = "CPU architecture the image is built for: X86_64 or ARM64."
  type        = string
  default     = "X86_64"
  nullable    = false

  validation {
    condition     = contains(["ARM64", "X86_64"], var.cpu_architecture)
    error_message = "cpu_architecture is \"${var.cpu_architecture}\"; allowed are X86_64 and ARM64."
  }
}

variable "cpu_units" {
  description = "CPU of a task in units of 1/1024 vCPU."
  type        = number
  nullable    = false

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.cpu_units)
    error_message = "cpu_units is ${var.cpu_units}; allowed are 256, 512, 1024, 2048 and 4096."
  }
}

variable "environment_variables" {
  description = "Environment of the application, nothing secret in it. AWS_DEFAULT_REGION, AWS_REGION, IMAGE_DIGEST and PORT are set here and override it."
  type        = map(string)
  default     = {}
  nullable    = false

  # Whoever may describe a task definition reads its environment, and every revision keeps it.
  validation {
    condition = alltrue([
      for key, value in var.environment_variables :
      !can(regex("(?i)(PASSWORD|PASSWD|SECRET|SECRET_KEY|TOKEN|API_KEY|PRIVATE_KEY)$", key)) && !can(regex("://[^/@]*:[^/@]+@", value))
    ])
    error_message = "environment_variables must hold no secret (a name that ends like one, or a URL with a password): put it into Secrets Manager and hand over its ARN under a name that ends with _SECRET_ID. Names given: ${join(", ", keys(var.environment_variables))}."
  }
}

variable "execute_command_enabled" {
  description = "Whether ECS Exec may open a session into the tasks."
  type        = bool
  default     = false
  nullable    = false
}

variable "execution_role_arn" {
  description = "ARN of the role that ECS takes to start a task."
  type        = string
  nullable    = false
}

variable "health_check_command" {
  description = "Command whose exit code 0 says that the container is alive, beginning with CMD or CMD-SHELL; null asks GET /healthz with the image's own Python."
  type        = list(string)
  default     = null

  validation {
    condition     = var.health_check_command == null || try(length(var.health_check_command) >= 2 && contains(["CMD", "CMD-SHELL"], var.health_check_command[0]), false)
    error_message = "health_check_command must begin with CMD (words of a command follow) or CMD-SHELL (one shell line follows), or be null."
  }
}

variable "image" {
  description = "Image by digest: <repository>@sha256:<64 hexadecimal digits>."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^@ ]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image is \"${var.image}\"; it must name a digest, <repository>@sha256:<64 hexadecimal digits>, so that what runs is exactly what was pushed."
  }
}

variable "log_group_name" {
  description = "Name of the CloudWatch log group for the application's output."
  type        = string
  nullable    = false
}

variable "memory_mib" {
  description = "Memory of a task in MiB."
  type        = number
  nullable    = false

  # Source: "Amazon ECS task definition parameters for Fargate", task size.
  validation {
    condition = contains(
      lookup({
        256  = [512, 1024, 2048]
        512  = [for gib in range(1, 5) : gib * 1024]
        1024 = [for gib in range(2, 9) : gib * 1024]
        2048 = [for gib in range(4, 17) : gib * 1024]
        4096 = [for gib in range(8, 31) : gib * 1024]
      }, var.cpu_units, []),
      var.memory_mib
    )
    error_message = "memory_mib is ${var.memory_mib} with ${var.cpu_units} cpu_units; Fargate allows for 256 units 512, 1024 or 2048 MiB, for 512 units 1 to 4 GiB, for 1024 units 2 to 8 GiB, for 2048 units 4 to 16 GiB, for 4096 units 8 to 30 GiB, each in whole GiB."
  }
}

variable "name" {
  description = "Family of the task definition."
  type        = string
  nullable    = false
}

variable "region" {
  description = "AWS region the tasks run in."
  type        = string
  nullable    = false
}

variable "start_period_seconds" {
  description = "Seconds after its start in which a container's failed health checks do not count."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.start_period_seconds >= 0 && var.start_period_seconds <= 300
    error_message = "start_period_seconds is ${var.start_period_seconds}; ECS allows 0 to 300."
  }
}

variable "stop_timeout_seconds" {
  description = "Seconds from SIGTERM to SIGKILL when a task stops; more than the application takes to finish running requests."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.stop_timeout_seconds >= 2 && var.stop_timeout_seconds <= 120
    error_message = "stop_timeout_seconds is ${var.stop_timeout_seconds}; Fargate allows 2 to 120."
  }
}

variable "task_role_arn" {
  description = "ARN of the role that the application in a task has."
  type        = string
  nullable    = false
}

variable "tmp_size_mib" {
  description = "Largest size in MiB of /tmp, the one writable directory; what is written there counts as the task's memory."
  type        = number
  default     = 128
  nullable    = false

  validation {
    condition     = var.tmp_size_mib >= 1 && var.tmp_size_mib < var.memory_mib
    error_message = "tmp_size_mib is ${var.tmp_size_mib}; it must be at least 1 and less than the task's memory_mib (${var.memory_mib})."
  }
}

variable "user" {
  description = "Numeric id of the user the application runs as, with the group's after a colon if it needs one; not root."
  type        = string
  default     = "10001"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]*(:[0-9]+)?$", var.user))
    error_message = "user is \"${var.user}\"; it must be a number above 0, such as 10001 or 10001:10001."
  }
}
