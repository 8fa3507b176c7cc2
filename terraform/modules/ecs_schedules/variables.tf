variable "account_id" {
  description = "Id of the AWS account."
  type        = string
  nullable    = false
}

variable "alarm_action_arns" {
  description = "ARNs that are notified when an alarm goes into ALARM or back to OK, such as SNS topics."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "assign_public_ip" {
  description = "Whether each task has a public address, without which it needs a NAT gateway."
  type        = bool
  nullable    = false
}

variable "capacity_provider" {
  description = "Capacity provider of the cluster that tasks run on; null for FARGATE."
  type        = string
  default     = null
}

variable "cluster_arn" {
  description = "ARN of the ECS cluster."
  type        = string
  nullable    = false
}

variable "cluster_name" {
  description = "Name of the ECS cluster."
  type        = string
  nullable    = false
}

variable "container_name" {
  description = "Name of the tasks' container whose exit code says whether a run failed."
  type        = string
  nullable    = false
}

variable "execute_command_enabled" {
  description = "Whether ECS Exec may open sessions into the tasks."
  type        = bool
  default     = false
  nullable    = false
}

variable "name" {
  description = "Name of the schedule group, and prefix of the other names: <environment>-<app>."
  type        = string
  nullable    = false
}

variable "passed_role_arns" {
  description = "ARNs of the tasks' roles, which EventBridge Scheduler passes to ECS."
  type        = list(string)
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "ARN of the IAM policy that limits every role of this layer; null for none. The policy of the deployer's role allows no role without it."
  type        = string
  default     = null
}

variable "region" {
  description = "AWS region that holds the schedules."
  type        = string
  nullable    = false
}

variable "schedules" {
  description = "When each task runs, by its name: an expression of EventBridge Scheduler, its time zone, and the ARN of the task definition, with its revision. Families are named <name>_<schedule>."
  type = map(object({
    schedule            = string
    task_definition_arn = string
    timezone            = string
  }))
  nullable = false
}

variable "security_group_ids" {
  description = "Ids of the tasks' security groups."
  type        = list(string)
  nullable    = false
}

variable "subnet_ids" {
  description = "Ids of the subnets that the tasks run in."
  type        = list(string)
  nullable    = false
}
