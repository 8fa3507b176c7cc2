variable "data_app_security_group_id" {
  description = "Id of the security group that the data layer lets in."
  type        = string
}

variable "environment_variables" {
  description = "Environment of the application, nothing secret in it."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "image" {
  description = "Image by digest: <repository>@sha256:<64 hexadecimal digits>."
  type        = string
}

variable "name" {
  description = "Name of every resource."
  type        = string
}

variable "network_private_subnet_ids" {
  description = "Ids of the private subnets."
  type        = list(string)
}

variable "partitions" {
  description = "Number of partitions."
  type        = number
  default     = 1
  nullable    = false
}

variable "readable_secret_arns" {
  description = "ARNs of the secrets that the application may read."
  type        = list(string)
  default     = []
  nullable    = false
}
