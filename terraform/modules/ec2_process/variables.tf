variable "alarm_action_arns" {
  description = "ARNs that are notified when the alarm goes into ALARM or back to OK, such as SNS topics."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "cpu_target_percent" {
  description = "Average CPU use in percent that auto-scaling keeps the process at."
  type        = number
  default     = 70
  nullable    = false
}

variable "launch_template_id" {
  description = "Id of the launch template."
  type        = string
  nullable    = false
}

variable "launch_template_version" {
  description = "Version of the launch template that the first instances are launched from; later ones are an instance refresh's."
  type        = string
  nullable    = false
}

variable "lifecycle_hook_name" {
  description = "Name of the lifecycle hook by which an instance says that its command runs (CONTINUE) or does not (ABANDON)."
  type        = string
  nullable    = false
}

variable "max_count" {
  description = "Largest number of instances; 1 for a process that must not run twice at once, whose instance goes before its successor comes."
  type        = number
  nullable    = false
}

variable "min_count" {
  description = "Smallest number of instances."
  type        = number
  nullable    = false
}

variable "name" {
  description = "Name of the Auto Scaling group, and prefix of what belongs to it: <environment>-<app>_<process>."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Ids of the subnets that the instances run in."
  type        = list(string)
  nullable    = false
}

variable "tags" {
  description = "Tags of the group and its instances; Name is added."
  type        = map(string)
  nullable    = false
}
