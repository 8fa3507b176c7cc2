variable "bucket_arn" {
  description = "ARN of the bucket whose objects the application reads, writes and deletes; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_arn == null || can(regex("^arn:aws[a-z-]*:s3:::[^/*]+$", var.bucket_arn))
    error_message = "bucket_arn must be the ARN of one bucket, such as arn:aws:s3:::dev-tasks-111122223333, or null."
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

variable "registry_repository_arn" {
  description = "ARN of the ECR repository to pull from; null when the image comes from a public registry."
  type        = string
  default     = null

  validation {
    condition     = var.registry_repository_arn == null || can(regex("^arn:aws[a-z-]*:ecr:[^:*]+:[0-9]{12}:repository/[^*]+$", var.registry_repository_arn))
    error_message = "registry_repository_arn must be the ARN of one ECR repository, or null."
  }
}
