variable "account_id" {
  description = "Id of the AWS account that holds every resource of this layer; the provider refuses credentials of another."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is \"${var.account_id}\"; it must be the 12 digits of an AWS account, in quotes, as aws sts get-caller-identity prints them."
  }
}

variable "force_delete" {
  description = "Whether destroying the repository also deletes the images in it; without it, AWS refuses while there are any."
  type        = bool
  default     = false
  nullable    = false
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

variable "retained_image_count" {
  description = "Number of newest images kept; older ones expire."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.retained_image_count >= 2 && var.retained_image_count <= 1000 && floor(var.retained_image_count) == var.retained_image_count
    error_message = "retained_image_count is ${var.retained_image_count}; it must be a whole number from 2 (the running image and the one to roll back to) to 1000."
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
