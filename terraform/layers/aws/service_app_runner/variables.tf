variable "account_id" {
  description = "Id of the AWS account that holds every resource of this layer; the provider refuses credentials of another."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is \"${var.account_id}\"; it must be the 12 digits of an AWS account, in quotes, as aws sts get-caller-identity prints them."
  }
}

variable "container_port" {
  description = "TCP port the application listens on, from 1024 up; handed to it as PORT."
  type        = number
  default     = 8000
  nullable    = false

  validation {
    condition     = var.container_port >= 1024 && var.container_port <= 65535 && floor(var.container_port) == var.container_port
    error_message = "container_port is ${var.container_port}; it must be a whole number from 1024 to 65535, because ports below are root's and the application is not root."
  }
}

variable "cpu_units" {
  description = "CPU of a task in units of 1/1024 vCPU: 256, 512, 1024, 2048 or 4096."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.cpu_units)
    error_message = "cpu_units is ${var.cpu_units}; App Runner has 256, 512, 1024, 2048 and 4096."
  }
}

variable "data_app_security_group_id" {
  description = "Id of the application's security group, which is allowed to reach the database; null for an application without the layer data, whose instances are in no VPC."
  type        = string
  default     = null

  validation {
    condition     = var.data_app_security_group_id == null || can(regex("^sg-", var.data_app_security_group_id))
    error_message = "data_app_security_group_id is ${jsonencode(var.data_app_security_group_id)}; it must begin with sg-, or be null."
  }
}

variable "data_bucket_arn" {
  description = "ARN of the bucket whose objects the application reads, writes and deletes; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.data_bucket_arn == null || can(regex("^arn:aws[a-z-]*:s3:::[^/*]+$", var.data_bucket_arn))
    error_message = "data_bucket_arn must be the ARN of one bucket, such as arn:aws:s3:::dev-tasks-111122223333, or null."
  }
}

variable "data_environment_secret_arns" {
  description = "ARNs of the secrets that the application has in its environment."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "data_environment_secret_versions" {
  description = "A hash that is another one whenever a value of those secrets is; what runs is then replaced."
  type        = string
  default     = ""
  nullable    = false
}

variable "data_environment_secrets" {
  description = "Secrets in the application's environment: the name of a variable to the ARN of the secret, with :<key>:: after it for one key of a secret in JSON."
  type        = map(string)
  default     = {}
  nullable    = false

  # As environment_variables.
  validation {
    condition     = alltrue([for key in keys(var.data_environment_secrets) : !startswith(key, "AWSAPPRUNNER") && key != "PORT"])
    error_message = "data_environment_secrets holds ${join(", ", [for key in keys(var.data_environment_secrets) : key if startswith(key, "AWSAPPRUNNER") || key == "PORT"])}; it must be another name: App Runner keeps PORT and those that begin with AWSAPPRUNNER for itself."
  }

  # The quotas of App Runner services: 50 environment variables and secrets, of which the layer sets four.
  validation {
    condition = length(var.data_environment_secrets) == 0 || length(var.data_environment_secrets) + length(setsubtract(
      keys(var.environment_variables), ["AWS_DEFAULT_REGION", "AWS_REGION", "IMAGE_DIGEST", "SECRET_VERSIONS"]
    )) <= 46
    error_message = "data_environment_secrets holds ${length(var.data_environment_secrets)} secrets beside ${length(var.environment_variables)} environment variables; App Runner takes 50 of both at most, with AWS_DEFAULT_REGION, AWS_REGION, IMAGE_DIGEST and SECRET_VERSIONS, which the layer sets."
  }
}

variable "environment_variables" {
  description = "Environment of the application, nothing secret in it. AWS_DEFAULT_REGION, AWS_REGION, IMAGE_DIGEST and, with secrets, SECRET_VERSIONS are set by the layer and override it, PORT by App Runner."
  type        = map(string)
  default     = {}
  nullable    = false

  # Whoever may look at the service reads its environment, and every revision keeps it.
  validation {
    condition = alltrue([
      for key, value in var.environment_variables :
      !can(regex("(?i)(PASSWORD|PASSWD|SECRET|SECRET_KEY|TOKEN|API_KEY|PRIVATE_KEY)$", key)) && !can(regex("://[^/@]*:[^/@]+@", value))
    ])
    error_message = "environment_variables holds ${join(", ", [
      for key, value in var.environment_variables : key
      if can(regex("(?i)(PASSWORD|PASSWD|SECRET|SECRET_KEY|TOKEN|API_KEY|PRIVATE_KEY)$", key)) || can(regex("://[^/@]*:[^/@]+@", value))
    ])}, which looks like a secret (a name that ends like one, or a URL with a password). Put it into Secrets Manager, and its ARN into app_secrets."
  }

  validation {
    condition     = alltrue([for key in keys(var.environment_variables) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key))])
    error_message = "environment_variables holds ${join(", ", [for key in keys(var.environment_variables) : jsonencode(key) if !can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key))])}; a name must be letters, digits and underscores, and begin with no digit."
  }

  # Source: the resource aws_apprunner_service in the documentation of Terraform's AWS provider; "Managing your
  # environment variables" in the developer guide.
  validation {
    condition     = alltrue([for key in keys(var.environment_variables) : !startswith(key, "AWSAPPRUNNER") && key != "PORT"])
    error_message = "environment_variables holds ${join(", ", [for key in keys(var.environment_variables) : key if startswith(key, "AWSAPPRUNNER") || key == "PORT"])}; it must be another name: App Runner keeps PORT and those that begin with AWSAPPRUNNER for itself."
  }

  # The quotas of App Runner services: 50 environment variables, of which the layer sets three.
  validation {
    condition     = length(setsubtract(keys(var.environment_variables), ["AWS_DEFAULT_REGION", "AWS_REGION", "IMAGE_DIGEST"])) <= 47
    error_message = "environment_variables holds ${length(var.environment_variables)} variables; App Runner takes 50 at most, with AWS_DEFAULT_REGION, AWS_REGION and IMAGE_DIGEST, which the layer sets."
  }
}

variable "health_check_path" {
  description = "Path that answers 200 as long as a task is alive; App Runner replaces one that does not. null only looks whether the port accepts a connection."
  type        = string
  default     = null

  validation {
    condition     = var.health_check_path == null || can(regex("^/[^ ?#]*$", var.health_check_path))
    error_message = "health_check_path is ${jsonencode(var.health_check_path)}; it must begin with / and have no query, or be null."
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

variable "max_concurrent_requests" {
  description = "Requests that one task works on at a time; auto-scaling starts another for what is beyond."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.max_concurrent_requests >= 1 && var.max_concurrent_requests <= 200 && floor(var.max_concurrent_requests) == var.max_concurrent_requests
    error_message = "max_concurrent_requests is ${var.max_concurrent_requests}; App Runner takes whole numbers from 1 to 200."
  }
}

variable "max_count" {
  description = "Largest number of tasks that auto-scaling runs."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.max_count >= var.min_count && var.max_count <= 25 && floor(var.max_count) == var.max_count
    error_message = "max_count is ${var.max_count}; it must be a whole number from min_count (${var.min_count}) to 25, which is what App Runner allows."
  }
}

variable "memory_mib" {
  description = "Memory of a task in MiB; which sizes there are depends on cpu_units."
  type        = number
  default     = 512
  nullable    = false

  # Supported configurations: https://docs.aws.amazon.com/apprunner/latest/dg/architecture.html
  validation {
    condition = contains(lookup({
      "256"  = [512, 1024]
      "512"  = [1024]
      "1024" = [2048, 3072, 4096]
      "2048" = [4096, 6144]
      "4096" = [8192, 10240, 12288]
    }, tostring(var.cpu_units), [var.memory_mib]), var.memory_mib)
    error_message = "memory_mib is ${var.memory_mib}; with cpu_units ${var.cpu_units} App Runner has: 256 with 512 or 1024, 512 with 1024, 1024 with 2048, 3072 or 4096, 2048 with 4096 or 6144, 4096 with 8192, 10240 or 12288."
  }
}

variable "min_count" {
  description = "Smallest number of tasks, which App Runner keeps ready; they run only while there are requests."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.min_count >= 1 && var.min_count <= 25 && floor(var.min_count) == var.min_count
    error_message = "min_count is ${var.min_count}; it must be a whole number from 1 to 25, which is what App Runner allows."
  }
}

variable "name" {
  description = "Prefix of every resource's name: <environment>-<app>."
  type        = string
  nullable    = false

  validation {
    condition = (
      length(var.name) >= 4
      && length(var.name) <= 28
      && can(regex("^[a-z][a-z0-9-]*[a-z0-9]$", var.name))
      && !strcontains(var.name, "--")
    )
    error_message = "name is \"${var.name}\" and has ${length(var.name)} characters; it must have 4 to 28 (App Runner allows no fewer than 4): lower-case letters, digits and single hyphens, first a letter, last no hyphen. AWS allows nothing else in names of load balancers and databases, allows load balancers 32 characters, and some names add an ending."
  }
}

variable "network_private_subnet_ids" {
  description = "Ids of the private subnets by which instances reach the VPC and the internet; without data_app_security_group_id, they are not used."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.network_private_subnet_ids : startswith(id, "subnet-")])
    error_message = "network_private_subnet_ids must be ids that begin with subnet-; they are: ${join(", ", var.network_private_subnet_ids)}."
  }

  validation {
    condition     = var.data_app_security_group_id == null || length(var.network_private_subnet_ids) > 0
    error_message = "network_private_subnet_ids is empty, and data_app_security_group_id is set; there must be one subnet at least that instances reach the database through."
  }
}

variable "network_vpc_id" {
  description = "Id of the VPC of those subnets; null without them."
  type        = string
  default     = null

  validation {
    condition     = var.network_vpc_id == null || can(regex("^vpc-", var.network_vpc_id))
    error_message = "network_vpc_id is ${jsonencode(var.network_vpc_id)}; it must begin with vpc-, or be null."
  }

  validation {
    condition     = var.data_app_security_group_id == null || var.network_vpc_id != null
    error_message = "network_vpc_id is not set, and data_app_security_group_id is; it must be the VPC of that group."
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
  description = "AWS region that holds every resource of this layer."
  type        = string
  default     = "us-east-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is \"${var.region}\"; it must be an AWS region's code such as us-east-1."
  }
}

variable "registry_repository_arn" {
  description = "ARN of the ECR repository to pull from."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:ecr:[^:*]+:[0-9]{12}:repository/[^*]+$", var.registry_repository_arn))
    error_message = "registry_repository_arn is \"${var.registry_repository_arn}\"; it must be the ARN of one ECR repository."
  }
}

variable "start_period_seconds" {
  description = "Seconds that the application may take to start, and so long it may fail health checks later, too: App Runner has one limit for both."
  type        = number
  default     = 25
  nullable    = false

  # "HealthCheckConfiguration" in the App Runner API Reference: 20 checks at most, 20 seconds apart at most.
  validation {
    condition     = var.start_period_seconds >= 5 && var.start_period_seconds <= 400
    error_message = "start_period_seconds is ${var.start_period_seconds}; it must be a number from 5 to 400: App Runner waits for 20 failed health checks at most, 20 seconds apart at most."
  }
}

variable "tags" {
  description = "Tags of every resource; Environment and Project are required, ManagedBy is added by the layer."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for key in ["Environment", "Project"] : length(trimspace(lookup(var.tags, key, ""))) > 0])
    error_message = "tags must have a value, and not spaces alone, for ${join(" and ", [for key in ["Environment", "Project"] : key if length(trimspace(lookup(var.tags, key, ""))) == 0])}."
  }
}
