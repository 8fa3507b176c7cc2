variable "name" {
  description = "Begins the name of the bucket."
  type        = string
}

variable "network_shelf_number" {
  description = "Output of another layer."
  type        = number
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "suffix" {
  description = "Ends the name of the bucket."
  type        = string
  default     = "books"
}

variable "tags" {
  description = "Tags of the bucket."
  type        = map(string)
}
