variable "alarm_action_arns" {
  description = "ARNs that are notified when the alarm goes into ALARM or back to OK, such as SNS topics."
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

variable "container_insights_enabled" {
  description = "Whether the cluster has Container Insights, which count running tasks."
  type        = bool
  nullable    = false
}

variable "cpu_target_percent" {
  description = "Average CPU use in percent that auto-scaling keeps the process at."
  type        = number
  default     = 70
  nullable    = false
}

variable "execute_command_enabled" {
  description = "Whether ECS Exec may open sessions into the tasks."
  type        = bool
  default     = false
  nullable    = false
}

variable "max_count" {
  description = "Largest number of tasks; 1 for a process that must not run twice at once, whose task stops before its successor starts."
  type        = number
  nullable    = false
}

variable "min_count" {
  description = "Smallest number of tasks."
  type        = number
  nullable    = false
}

variable "name" {
  description = "Name of the ECS service, and prefix of what belongs to it: <environment>-<app>_<process>."
  type        = string
  nullable    = false
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

variable "task_definition_arn" {
  description = "ARN of the task definition, with its revision."
  type        = string
  nullable    = false
}
