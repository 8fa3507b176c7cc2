variable "account_id" {
  description = "Id of the AWS account that holds every resource of this layer; the provider refuses credentials of another."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is \"${var.account_id}\"; it must be the 12 digits of an AWS account, in quotes, as aws sts get-caller-identity prints them."
  }
}

variable "alarm_action_arns" {
  description = "ARNs that are notified when an alarm goes into ALARM or back to OK, such as SNS topics."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_action_arns : can(regex("^arn:aws[a-z-]*:", arn))])
    error_message = "alarm_action_arns holds ${join(", ", var.alarm_action_arns)}; each must be an ARN, such as arn:aws:sns:us-east-1:111122223333:operations."
  }
}

variable "assign_public_ip" {
  description = "Whether tasks run in the public subnets, with a public address each, and need no NAT gateway; the load balancer alone reaches them either way."
  type        = bool
  default     = false
  nullable    = false
}

variable "capacity_provider" {
  description = "What tasks run on: FARGATE, or FARGATE_SPOT, which costs less and lets AWS stop a task at two minutes' notice, without another one in its place where AWS has no capacity to spare; a change replaces the service."
  type        = string
  default     = "FARGATE"
  nullable    = false

  validation {
    condition     = contains(["FARGATE", "FARGATE_SPOT"], var.capacity_provider)
    error_message = "capacity_provider is \"${var.capacity_provider}\"; allowed are FARGATE and FARGATE_SPOT."
  }
}

variable "certificate_arn" {
  description = "ARN of an ACM certificate that exists and holds for domain_name; null makes one, which is proved by a record in zone_name."
  type        = string
  default     = null

  # "Prerequisites" of HTTPS listeners, user guide for Application Load Balancers: it is in the load balancer's region.
  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:aws[a-z-]*:acm:${var.region}:${var.account_id}:certificate/[0-9a-f-]+$", var.certificate_arn))
    error_message = "certificate_arn is ${jsonencode(var.certificate_arn)}; it must be the ARN of an ACM certificate of the region ${var.region} and the account ${var.account_id}, as aws acm list-certificates prints it, or null."
  }

  validation {
    condition     = var.certificate_arn == null || (var.domain_name != null && !var.shared_load_balancer)
    error_message = "certificate_arn is set; then domain_name must be a name that it holds for, and shared_load_balancer false: the network's load balancer has a certificate of its own."
  }
}

variable "container_insights_enabled" {
  description = "Whether CloudWatch collects metrics of each task, at a price for each metric; without it there is no alarm on running tasks."
  type        = bool
  default     = false
  nullable    = false
}

variable "container_port" {
  description = "TCP port the application listens on, from 1024 up; handed to it as PORT."
  type        = number
  default     = 8000
  nullable    = false

  validation {
    condition     = var.container_port >= 1024 && var.container_port <= 65535 && floor(var.container_port) == var.container_port
    error_message = "container_port is ${var.container_port}; it must be a whole number from 1024 to 65535: ports below are root's, and the application is not root."
  }
}

variable "cpu_architecture" {
  description = "CPU architecture the image is built for: X86_64 or ARM64."
  type        = string
  default     = "X86_64"
  nullable    = false

  validation {
    condition     = contains(["ARM64", "X86_64"], var.cpu_architecture)
    error_message = "cpu_architecture is \"${var.cpu_architecture}\"; it must be X86_64 or ARM64."
  }
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

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.cpu_units)
    error_message = "cpu_units is ${var.cpu_units}; it must be 256, 512, 1024, 2048 or 4096."
  }
}

variable "data_app_security_group_id" {
  description = "Id of the application's security group, which is allowed to reach the database."
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
}

variable "database_connections_threshold" {
  description = "Connections to the database above which an alarm goes off; of a db.t3.micro, RDS takes fewer than 112."
  type        = number
  default     = 70
  nullable    = false

  validation {
    condition     = var.database_connections_threshold >= 1 && floor(var.database_connections_threshold) == var.database_connections_threshold
    error_message = "database_connections_threshold is ${var.database_connections_threshold}; it must be a whole number of at least 1."
  }
}

variable "domain_name" {
  description = "Host name of the application, served by HTTPS with a certificate; null serves plain HTTP under the load balancer's own name."
  type        = string
  default     = null

  validation {
    condition     = var.domain_name == null || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.domain_name))
    error_message = "domain_name is ${jsonencode(var.domain_name)}; it must be a host name in lower case, such as tasks.example.org, or null."
  }
}

variable "environment_variables" {
  description = "Environment of the application, nothing secret in it. AWS_DEFAULT_REGION, AWS_REGION, IMAGE_DIGEST and PORT are set by the layer and override it."
  type        = map(string)
  default     = {}
  nullable    = false

  # Whoever may describe a task definition reads its environment, and every revision keeps it.
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
}

variable "execute_command_enabled" {
  description = "Whether ECS Exec may open sessions into the tasks, which the log group <name>/service/sessions records."
  type        = bool
  default     = false
  nullable    = false
}

variable "health_check_command" {
  description = "Command whose exit code 0 says that the container is alive, beginning with CMD or CMD-SHELL; null asks GET /healthz with the image's own Python, where any answer below 500 does."
  type        = list(string)
  default     = null

  validation {
    condition     = var.health_check_command == null || try(length(var.health_check_command) >= 2 && contains(["CMD", "CMD-SHELL"], var.health_check_command[0]), false)
    error_message = "health_check_command is ${jsonencode(var.health_check_command)}; it must be null or begin with CMD (words of a command follow) or CMD-SHELL (one shell line follows)."
  }
}

variable "health_check_codes" {
  description = "HTTP codes that mean healthy to the load balancer, as AWS writes them: 200, 200,301 or 200-399; null for 200, and for 200-499 without a health_check_path."
  type        = string
  default     = null

  # "Health checks for Application Load Balancer target groups" in the ELB user guide.
  validation {
    condition = var.health_check_codes == null || try(
      can(regex("^[2-4][0-9]{2}(-[2-4][0-9]{2})?(,[2-4][0-9]{2}(-[2-4][0-9]{2})?)*$", var.health_check_codes))
      && alltrue([for range in split(",", var.health_check_codes) : sort(split("-", range)) == split("-", range)]),
      false
    )
    error_message = "health_check_codes is ${jsonencode(var.health_check_codes)}; it must be codes and ranges of codes from 200 to 499, with commas between them, such as 200, 200,301 or 200-399: a load balancer takes no others."
  }
}

variable "health_check_grace_period_seconds" {
  description = "Seconds after a task's start in which failed health checks of the load balancer do not stop it; null for start_period_seconds and 30 more."
  type        = number
  default     = null

  validation {
    condition     = coalesce(var.health_check_grace_period_seconds, 0) >= 0 && coalesce(var.health_check_grace_period_seconds, 0) <= 3600
    error_message = "health_check_grace_period_seconds is ${coalesce(var.health_check_grace_period_seconds, 0)}; it must be from 0 to 3600."
  }
}

variable "health_check_path" {
  description = "Path that answers 200 (health_check_codes) as long as a task is to get requests; ECS replaces one that does not, so it must not depend on what a new one would lack as well. null asks /healthz, where any answer below 500 does."
  type        = string
  default     = null

  validation {
    condition     = var.health_check_path == null || can(regex("^/[^ ?#]*$", var.health_check_path))
    error_message = "health_check_path is ${jsonencode(var.health_check_path)}; it must be a path that begins with / and has no query, or null."
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

variable "load_balancer_deletion_protection" {
  description = "Whether the load balancer has deletion protection."
  type        = bool
  default     = false
  nullable    = false
}

variable "load_balancer_idle_timeout_seconds" {
  description = "Seconds of silence after which the load balancer closes a connection, an answer that has not begun included; the application's server has to keep connections for longer."
  type        = number
  default     = 60
  nullable    = false

  # "Connection idle timeout" in the user guide for Application Load Balancers.
  validation {
    condition     = var.load_balancer_idle_timeout_seconds >= 1 && var.load_balancer_idle_timeout_seconds <= 4000 && floor(var.load_balancer_idle_timeout_seconds) == var.load_balancer_idle_timeout_seconds
    error_message = "load_balancer_idle_timeout_seconds is ${var.load_balancer_idle_timeout_seconds}; it must be a whole number from 1 to 4000."
  }
}

variable "log_retention_days" {
  description = "Days that log entries are kept."
  type        = number
  default     = 7
  nullable    = false

  # PutRetentionPolicy in the Amazon CloudWatch Logs API Reference.
  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days
    )
    error_message = "log_retention_days is ${var.log_retention_days}; it must be 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
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

  # "Task CPU and memory" in the Amazon ECS Developer Guide. A wrong cpu_units is told by its own rule.
  validation {
    condition = contains(
      lookup({
        256  = [512, 1024, 2048]
        512  = [for gib in range(1, 5) : gib * 1024]
        1024 = [for gib in range(2, 9) : gib * 1024]
        2048 = [for gib in range(4, 17) : gib * 1024]
        4096 = [for gib in range(8, 31) : gib * 1024]
      }, var.cpu_units, [var.memory_mib]),
      var.memory_mib
    )
    error_message = "memory_mib is ${var.memory_mib} with cpu_units ${var.cpu_units}; it must be 512, 1024 or 2048 with cpu_units 256, 1024 to 4096 with 512, 2048 to 8192 with 1024, 4096 to 16384 with 2048 and 8192 to 30720 with 4096, each in steps of 1024."
  }
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
    error_message = "name is \"${var.name}\" and has ${length(var.name)} characters; it must have 2 to 28: lower-case letters, digits and single hyphens, first a letter, last no hyphen. AWS allows nothing else in names of load balancers and databases, allows load balancers 32 characters, and some names add an ending."
  }

  validation {
    condition     = !startswith(var.name, "internal-")
    error_message = "name is \"${var.name}\"; AWS refuses load balancers whose name begins with internal-."
  }
}

variable "network_access_log_bucket_name" {
  description = "Name of the bucket that the load balancer logs its requests in; null for no access logs."
  type        = string
  default     = null
}

variable "network_load_balancer" {
  description = "The network's load balancer, by the keys of that output; empty without one."
  type        = map(string)
  default     = {}
  nullable    = false
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

variable "permissions_boundary_arn" {
  description = "ARN of the IAM policy that limits every role of this layer; null for none. The policy of the deployer's role allows no role without it."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn is \"${coalesce(var.permissions_boundary_arn, "null")}\"; it must be the ARN of an IAM policy of the account, or null."
  }
}

variable "processes" {
  description = "Processes beside the web server, by name: each runs another command of the same image, in tasks of its own that nobody sends requests to. min_count (1) to max_count (min_count) tasks run; with a max_count of 1, a task is told to stop before its successor starts. cpu_units, memory_mib and stop_timeout_seconds are the web server's where they are not set. health_check_command begins with CMD or CMD-SHELL; without it, a task is healthy that has run for ten seconds."
  type = map(object({
    command              = list(string)
    cpu_units            = optional(number)
    health_check_command = optional(list(string))
    max_count            = optional(number)
    memory_mib           = optional(number)
    min_count            = optional(number, 1)
    stop_timeout_seconds = optional(number)
  }))
  default  = {}
  nullable = false

  # Names in AWS end with it. Log streams begin with it, those of the web server with task.
  validation {
    condition     = alltrue([for name in keys(var.processes) : can(regex("^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$", name)) && !contains(["task", "web"], name)])
    error_message = "processes holds ${join(", ", [for name in keys(var.processes) : jsonencode(name) if !can(regex("^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$", name)) || contains(["task", "web"], name)])}; a name must have 1 to 30 lower-case letters, digits and hyphens, first a letter, last no hyphen. task and web stand for the web server, which runs the image's own command."
  }

  validation {
    condition     = alltrue([for process in values(var.processes) : try(length(trimspace(process.command[0])) > 0, false)])
    error_message = "processes holds ${join(", ", [for name, process in var.processes : "${name} with the command ${jsonencode(process.command)}" if !try(length(trimspace(process.command[0])) > 0, false)])}; it must be the words of a command, such as [celery, -A, shop, worker]."
  }

  validation {
    condition = alltrue([
      for process in values(var.processes) :
      process.min_count >= 1
      && coalesce(process.max_count, process.min_count) >= process.min_count
      && alltrue([for count in [process.min_count, coalesce(process.max_count, process.min_count)] : floor(count) == count])
    ])
    error_message = "processes must have whole numbers of tasks, \"min_count\" at least 1 and \"max_count\" at least \"min_count\"; they are: ${join(", ", [for name, process in var.processes : "${name} ${process.min_count} to ${coalesce(process.max_count, process.min_count)}"])}."
  }

  # As for the web server, see memory_mib. A wrong cpu_units of the web server is told by its own rule.
  validation {
    condition = alltrue([
      for process in values(var.processes) : contains(
        lookup({
          256  = [512, 1024, 2048]
          512  = [for gib in range(1, 5) : gib * 1024]
          1024 = [for gib in range(2, 9) : gib * 1024]
          2048 = [for gib in range(4, 17) : gib * 1024]
          4096 = [for gib in range(8, 31) : gib * 1024]
        }, coalesce(process.cpu_units, var.cpu_units), process.cpu_units == null ? [coalesce(process.memory_mib, var.memory_mib)] : []),
        coalesce(process.memory_mib, var.memory_mib)
      )
    ])
    error_message = "processes must have sizes that Fargate has: 256 CPU units with 512, 1024 or 2048 MiB, 512 with 1024 to 4096, 1024 with 2048 to 8192, 2048 with 4096 to 16384 or 4096 with 8192 to 30720, each in steps of 1024; they are: ${join(", ", [for name, process in var.processes : "${name} ${coalesce(process.cpu_units, var.cpu_units)} with ${coalesce(process.memory_mib, var.memory_mib)}"])}."
  }

  validation {
    condition     = alltrue([for process in values(var.processes) : coalesce(process.memory_mib, var.memory_mib) > var.tmp_size_mib])
    error_message = "processes must have more memory than tmp_size_mib (${var.tmp_size_mib} MiB); they have: ${join(", ", [for name, process in var.processes : "${name} ${coalesce(process.memory_mib, var.memory_mib)}"])}."
  }

  validation {
    condition     = alltrue([for process in values(var.processes) : process.stop_timeout_seconds == null ? true : process.stop_timeout_seconds >= 2 && process.stop_timeout_seconds <= 120])
    error_message = "processes must have a \"stop_timeout_seconds\" from 2 to 120; they are: ${join(", ", [for name, process in var.processes : "${name} ${coalesce(process.stop_timeout_seconds, var.stop_timeout_seconds)}"])}."
  }

  validation {
    condition     = alltrue([for process in values(var.processes) : process.health_check_command == null ? true : try(length(process.health_check_command) >= 2 && contains(["CMD", "CMD-SHELL"], process.health_check_command[0]), false)])
    error_message = "processes must have a \"health_check_command\" that begins with CMD (words of a command follow) or CMD-SHELL (one shell line follows), or none; they are: ${join(", ", [for name, process in var.processes : "${name} ${jsonencode(process.health_check_command)}"])}."
  }
}

variable "readable_secret_arns" {
  description = "ARNs of the secrets that the application may read."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.readable_secret_arns : can(regex("^arn:aws[a-z-]*:secretsmanager:[^:*]+:[0-9]{12}:secret:[^*]+$", arn))])
    error_message = "readable_secret_arns holds ${join(", ", var.readable_secret_arns)}; it must hold whole ARNs of secrets, without wildcards."
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
  description = "ARN of the ECR repository to pull from; null when the image comes from a public registry."
  type        = string
}

variable "schedules" {
  description = "Commands that run at certain times, by name: each in a task of its own, from the same image as the web server, but without PORT. schedule is cron(<minutes> <hours> <day of month> <month> <day of week> <year>) or rate(<number> <unit>) of EventBridge Scheduler, in the time zone timezone. cpu_units and memory_mib are the web server's where they are not set."
  type = map(object({
    command    = list(string)
    cpu_units  = optional(number)
    memory_mib = optional(number)
    schedule   = string
    timezone   = optional(string, "UTC")
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.schedules) : can(regex("^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$", name)) && !contains(["task", "web"], name)])
    error_message = "schedules holds ${join(", ", [for name in keys(var.schedules) : jsonencode(name) if !can(regex("^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$", name)) || contains(["task", "web"], name)])}; a name must have 1 to 30 lower-case letters, digits and hyphens, first a letter, last no hyphen. task and web stand for the web server."
  }

  # Both name task definitions and log streams.
  validation {
    condition     = length(setintersection(keys(var.schedules), keys(var.processes))) == 0
    error_message = "schedules holds ${join(", ", setintersection(keys(var.schedules), keys(var.processes)))}, and \"processes\" too; a name must be one of them."
  }

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : try(length(trimspace(schedule.command[0])) > 0, false)])
    error_message = "schedules holds ${join(", ", [for name, schedule in var.schedules : "${name} with the command ${jsonencode(schedule.command)}" if !try(length(trimspace(schedule.command[0])) > 0, false)])}; it must be the words of a command, such as [flask, cleanup]."
  }

  # "Schedule types in EventBridge Scheduler". ~ stands for a number of each field.
  validation {
    condition = alltrue([
      for schedule in values(var.schedules) : can(regex("^rate\\([1-9][0-9]* (minute|hour|day)s?\\)$", schedule.schedule)) || try(
        length(split(" ", regex("^cron\\((.*)\\)$", schedule.schedule)[0])) == 6
        && (split(" ", regex("^cron\\((.*)\\)$", schedule.schedule)[0])[2] == "?") != (split(" ", regex("^cron\\((.*)\\)$", schedule.schedule)[0])[4] == "?")
        && alltrue([
          for index, field in split(" ", regex("^cron\\((.*)\\)$", schedule.schedule)[0]) : can(regex(
            replace(
              format(
                "(?i)^([*](/[0-9]+)?|~(-~)?(/[0-9]+)?(,~(-~)?(/[0-9]+)?)*%s)$",
                ["", "", "|[?]|LW?|~W", "", "|[?]|L|~L|~#[1-5]", ""][index],
              ),
              "~",
              [
                "[0-5]?[0-9]",
                "([01]?[0-9]|2[0-3])",
                "(0?[1-9]|[12][0-9]|3[01])",
                "(0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)",
                "([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)",
                "(19[7-9][0-9]|2[01][0-9][0-9])",
              ][index],
            ),
            field,
          ))
        ]),
        false,
      )
    ])
    error_message = "schedules must be cron(<minutes> <hours> <day of month> <month> <day of week> <year>) with ? for one of the two days, such as cron(0 3 * * ? *) for every day at three, or rate(<number> <minutes, hours or days>); they are: ${join(", ", [for name, schedule in var.schedules : "${name} ${schedule.schedule}"])}."
  }

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : can(regex("^(UTC|[A-Z][A-Za-z]+(/[A-Z][A-Za-z0-9_+-]*){1,2})$", schedule.timezone))])
    error_message = "schedules must have a \"timezone\" of the IANA database, such as Europe/Berlin, or UTC; they are: ${join(", ", [for name, schedule in var.schedules : "${name} ${schedule.timezone}"])}."
  }

  # As for processes.
  validation {
    condition = alltrue([
      for schedule in values(var.schedules) : contains(
        lookup({
          256  = [512, 1024, 2048]
          512  = [for gib in range(1, 5) : gib * 1024]
          1024 = [for gib in range(2, 9) : gib * 1024]
          2048 = [for gib in range(4, 17) : gib * 1024]
          4096 = [for gib in range(8, 31) : gib * 1024]
        }, coalesce(schedule.cpu_units, var.cpu_units), schedule.cpu_units == null ? [coalesce(schedule.memory_mib, var.memory_mib)] : []),
        coalesce(schedule.memory_mib, var.memory_mib)
      )
    ])
    error_message = "schedules must have sizes that Fargate has: 256 CPU units with 512, 1024 or 2048 MiB, 512 with 1024 to 4096, 1024 with 2048 to 8192, 2048 with 4096 to 16384 or 4096 with 8192 to 30720, each in steps of 1024; they are: ${join(", ", [for name, schedule in var.schedules : "${name} ${coalesce(schedule.cpu_units, var.cpu_units)} with ${coalesce(schedule.memory_mib, var.memory_mib)}"])}."
  }

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : coalesce(schedule.memory_mib, var.memory_mib) > var.tmp_size_mib])
    error_message = "schedules must have more memory than tmp_size_mib (${var.tmp_size_mib} MiB); they have: ${join(", ", [for name, schedule in var.schedules : "${name} ${coalesce(schedule.memory_mib, var.memory_mib)}"])}."
  }
}

variable "shared_load_balancer" {
  description = "Whether the network's load balancer serves the application, under domain_name; otherwise it has one of its own."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.shared_load_balancer || var.domain_name != null
    error_message = "shared_load_balancer is true, and domain_name is not set; it must be the name by which the load balancer knows the application, in the zone of the network."
  }

  validation {
    condition     = !var.shared_load_balancer || !var.zone_create
    error_message = "shared_load_balancer is true, and zone_create too; the zone is the network's, which creates it (its load_balancer_zone_create)."
  }

  validation {
    condition     = !var.shared_load_balancer || !var.load_balancer_deletion_protection
    error_message = "shared_load_balancer is true, and load_balancer_deletion_protection too; the load balancer is the network's, which protects it."
  }

  validation {
    condition     = !var.shared_load_balancer || var.load_balancer_idle_timeout_seconds == 60
    error_message = "shared_load_balancer is true, and load_balancer_idle_timeout_seconds is ${var.load_balancer_idle_timeout_seconds}; the load balancer is the network's, which has one for all its apps (its load_balancer_idle_timeout_seconds)."
  }

  validation {
    condition     = !var.shared_load_balancer || length(var.network_load_balancer) > 0
    error_message = "shared_load_balancer is true, but the network has no load balancer; it must have one (its load_balancer_zone_name)."
  }

  # A wildcard stands for one label ("Certificate characteristics and limitations" in the ACM User Guide).
  validation {
    condition = (
      !var.shared_load_balancer || var.domain_name == null || length(var.network_load_balancer) == 0
      || can(regex("^[^.]+\\.${replace(var.network_load_balancer.domain_name, ".", "\\.")}$", var.domain_name))
    )
    error_message = "domain_name is ${jsonencode(var.domain_name)}; on the network's load balancer it must be one label and the network's zone, such as ${var.name}.${lookup(var.network_load_balancer, "domain_name", "example.org")}: its certificate holds for those names."
  }
}

variable "ssl_policy" {
  description = "Name of the load balancer's TLS policy; one that begins with TLS 1.2 or newer."
  type        = string
  default     = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  nullable    = false

  validation {
    condition     = can(regex("^ELBSecurityPolicy-TLS13-1-[23]-", var.ssl_policy))
    error_message = "ssl_policy is \"${var.ssl_policy}\"; it must begin with ELBSecurityPolicy-TLS13-1-2- or ELBSecurityPolicy-TLS13-1-3-: older policies let in TLS 1.0 or 1.1."
  }
}

variable "start_period_seconds" {
  description = "Seconds that the application may take to start: failed health checks of its container do not count before, and those of the load balancer do not for 30 more, unless health_check_grace_period_seconds is set."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.start_period_seconds >= 0 && var.start_period_seconds <= 300
    error_message = "start_period_seconds is ${var.start_period_seconds}; it must be a number from 0 to 300, which is what ECS allows."
  }
}

variable "stop_timeout_seconds" {
  description = "Seconds from SIGTERM to SIGKILL when a task stops; more than the application takes to finish running requests."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.stop_timeout_seconds >= 2 && var.stop_timeout_seconds <= 120
    error_message = "stop_timeout_seconds is ${var.stop_timeout_seconds}; it must be a number from 2 to 120."
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

variable "tmp_size_mib" {
  description = "Largest size in MiB of /tmp, the one writable directory; what is written there counts as the task's memory."
  type        = number
  default     = 128
  nullable    = false

  validation {
    condition     = var.tmp_size_mib >= 1 && var.tmp_size_mib < var.memory_mib
    error_message = "tmp_size_mib is ${var.tmp_size_mib}; it must be at least 1 and less than memory_mib (${var.memory_mib})."
  }
}

variable "user" {
  description = "Numeric id of the user the application runs as; not root."
  type        = string
  default     = "10001"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]*(:[0-9]+)?$", var.user))
    error_message = "user is \"${var.user}\"; it must be the number of a user who is not root, such as 10001 or 10001:10001."
  }
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

  validation {
    condition     = var.domain_name == null || var.zone_name != null || var.shared_load_balancer
    error_message = "zone_name is not set, but domain_name is ${jsonencode(var.domain_name)}; it must be the Route 53 zone that the domain is in: it gets the domain's record, and the one that proves a certificate which is made."
  }

  validation {
    condition     = var.zone_name == null || !var.shared_load_balancer
    error_message = "zone_name is ${jsonencode(var.zone_name)}, and shared_load_balancer is true; it must not be set: the zone is the network's."
  }

  validation {
    condition     = !var.zone_create || var.zone_name != null || var.domain_name != null
    error_message = "zone_name is not set, but zone_create is true; it must be the name of the zone to create."
  }

  validation {
    condition     = var.domain_name == null || var.zone_name == null || try(var.domain_name == var.zone_name || endswith(var.domain_name, ".${var.zone_name}"), false)
    error_message = "domain_name is ${jsonencode(var.domain_name)}; it must be zone_name (${jsonencode(var.zone_name)}) or end with a dot and zone_name."
  }
}
