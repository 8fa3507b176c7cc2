variable "account_id" {
  description = "Id of the AWS account whose ECS may take the roles."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is \"${var.account_id}\"; it must be 12 digits."
  }
}

variable "bucket_arn" {
  description = "ARN of the bucket whose objects the application reads, writes and deletes; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_arn == null || can(regex("^arn:aws[a-z-]*:s3:::[^/*]+$", var.bucket_arn))
    error_message = "bucket_arn must be the ARN of one bucket, such as arn:aws:s3:::dev-tasks-111122223333, or null."
  }
}

variable "environment_secret_arns" {
  description = "ARNs of the secrets that ECS puts into the environment of the application."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.environment_secret_arns : can(regex("^arn:aws[a-z-]*:secretsmanager:[^:*]+:[0-9]{12}:secret:[^:*]+$", arn))])
    error_message = "environment_secret_arns must be whole ARNs of secrets, without wildcards; they are: ${join(", ", var.environment_secret_arns)}."
  }
}

variable "execute_command_enabled" {
  description = "Whether ECS Exec may open sessions into the tasks, which a log group of their own records."
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

variable "name" {
  description = "Name of the log group and, with hyphens for slashes, prefix of the roles' names: <environment>-<app>/<part>."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9/-]{0,52}[a-z0-9]$", var.name))
    error_message = "name is \"${var.name}\"; it must have 2 to 54 lower-case letters, digits, hyphens and slashes, because the name of an IAM role that ends with -execution has at most 64."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of the IAM policy that limits every role of this layer; null for none. The policy of the deployer's role allows no role without it."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn is \"${coalesce(var.permissions_boundary_arn, "null")}\"; it must be the ARN of an IAM policy of the account, or null."
  }
}

variable "readable_secret_arns" {
  description = "ARNs of the secrets that the application may read."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.readable_secret_arns : can(regex("^arn:aws[a-z-]*:secretsmanager:[^:*]+:[0-9]{12}:secret:[^*]+$", arn))])
    error_message = "readable_secret_arns must be whole ARNs of secrets, without wildcards; they are: ${join(", ", var.readable_secret_arns)}."
  }
}

variable "region" {
  description = "AWS region the tasks run in."
  type        = string
  nullable    = false
}

variable "registry_repository_arn" {
  description = "ARN of the ECR repository to pull from; null when the image comes from a public registry."
  type        = string
  default     = null

  validation {
    condition     = var.registry_repository_arn == null || can(regex("^arn:aws[a-z-]*:ecr:[^:*]+:[0-9]{12}:repository/[^*]+$", var.registry_repository_arn))
    error_message = "registry_repository_arn must be the ARN of one ECR repository, or null."
  }
}
