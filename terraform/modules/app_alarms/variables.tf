variable "alarm_action_arns" {
  description = "ARNs that are notified when an alarm goes into ALARM or back to OK, such as SNS topics."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "database_connections_threshold" {
  description = "Connections to the database above which an alarm goes off."
  type        = number
  nullable    = false
}

variable "database_instance_identifier" {
  description = "Identifier of the RDS instance that alarms watch; null for none."
  type        = string
  default     = null
}

variable "load_balancer_arn_suffix" {
  description = "The part of the load balancer's ARN that its metrics have as dimension."
  type        = string
  nullable    = false
}

variable "load_balancer_shared" {
  description = "Whether the load balancer is the network's, which then watches its own answers."
  type        = bool
  default     = false
  nullable    = false
}

variable "name" {
  description = "Prefix of the alarms' names."
  type        = string
  nullable    = false
}

variable "target_group_arn_suffix" {
  description = "The part of the target group's ARN that its metrics have as dimension."
  type        = string
  nullable    = false
}
