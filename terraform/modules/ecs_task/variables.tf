variable "command" {
  description = "Command in place of the image's own, a word each; null runs the image's."
  type        = list(string)
  default     = null
}

variable "container_port" {
  description = "TCP port the application listens on; handed to it as PORT. Null where it listens on none."
  type        = number
  default     = null
}

variable "cpu_architecture" {
  description = "CPU architecture the image is built for: X86_64 or ARM64."
  type        = string
  default     = "X86_64"
  nullable    = false
}

variable "cpu_units" {
  description = "CPU of a task in units of 1/1024 vCPU."
  type        = number
  nullable    = false
}

variable "environment_variables" {
  description = "Environment of the application, nothing secret in it. AWS_DEFAULT_REGION, AWS_REGION, IMAGE_DIGEST and PORT are set here and override it."
  type        = map(string)
  default     = {}
  nullable    = false
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
  description = "Command whose exit code 0 says that the container is alive, beginning with CMD or CMD-SHELL; null asks health_check_path with the image's own Python, and nothing without a port."
  type        = list(string)
  default     = null
}

variable "health_check_path" {
  description = "Path that answers 200 as long as a container is alive; null for /healthz, where any answer below 500 does."
  type        = string
  default     = null
}

variable "image" {
  description = "Image by digest: <repository>@sha256:<64 hexadecimal digits>."
  type        = string
  nullable    = false
}

variable "log_group_name" {
  description = "Name of the CloudWatch log group for the application's output."
  type        = string
  nullable    = false
}

variable "log_stream_prefix" {
  description = "What the names of the log streams begin with, before /app/<id of the task>."
  type        = string
  default     = "task"
  nullable    = false
}

variable "memory_mib" {
  description = "Memory of a task in MiB."
  type        = number
  nullable    = false
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

variable "secret_versions" {
  description = "What changes with any value of the secrets, such as a hash of their versions' ids; tasks are then replaced."
  type        = string
  default     = ""
  nullable    = false
}

variable "secrets" {
  description = "Secrets in the environment of the application: the variable's name to the ARN of the secret, with the JSON key, stage and version after colons as valueFrom of ECS has them."
  type        = map(string)
  default     = {}
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
}

variable "user" {
  description = "Numeric id of the user the application runs as, with the group's after a colon if it needs one; not root."
  type        = string
  default     = "10001"
  nullable    = false
}
