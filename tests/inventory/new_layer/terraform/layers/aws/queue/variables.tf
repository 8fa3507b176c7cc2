variable "depth" {
  description = "Number of messages that the queue holds."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.depth >= 1 && floor(var.depth) == var.depth
    error_message = "depth is ${var.depth}; it must be a whole number from 1."
  }
}

variable "name" {
  description = "Name of every resource."
  type        = string
}

variable "network_vpc_id" {
  description = "Id of the VPC."
  type        = string
}
