variable "cidr_block" {
  description = "IPv4 range of the subnet that applications take addresses of, in CIDR notation."
  type        = string
  default     = "10.0.0.0/22"
  nullable    = false

  # "Direct VPC egress with a VPC network", subnet requirements: /26 or larger; a deployment takes twice the addresses.
  validation {
    condition = (
      can(cidrnetmask(var.cidr_block))
      && try(cidrsubnet(var.cidr_block, 0, 0) == var.cidr_block, false)
      && try(tonumber(split("/", var.cidr_block)[1]) >= 8 && tonumber(split("/", var.cidr_block)[1]) <= 26, false)
      && can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.cidr_block))
    )
    error_message = "cidr_block is \"${var.cidr_block}\"; it must be a private IPv4 range of the size /8 to /26 such as 10.0.0.0/22, with nothing behind its network part."
  }
}

variable "database_cidr_block" {
  description = "IPv4 range that Google gives databases addresses of, in CIDR notation; a /24 of it for each region."
  type        = string
  default     = "10.0.16.0/20"
  nullable    = false

  validation {
    condition = (
      can(cidrnetmask(var.database_cidr_block))
      && try(cidrsubnet(var.database_cidr_block, 0, 0) == var.database_cidr_block, false)
      && try(tonumber(split("/", var.database_cidr_block)[1]) >= 8 && tonumber(split("/", var.database_cidr_block)[1]) <= 24, false)
      && can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.database_cidr_block))
    )
    error_message = "database_cidr_block is \"${var.database_cidr_block}\"; it must be a private IPv4 range of the size /8 to /24 such as 10.0.16.0/20, with nothing behind its network part."
  }

  # Two ranges overlap where the longer one's network part is the same in the shorter one's size.
  validation {
    condition = try(
      cidrhost("${split("/", var.cidr_block)[0]}/${min([for block in [var.cidr_block, var.database_cidr_block] : tonumber(split("/", block)[1])]...)}", 0)
      != cidrhost("${split("/", var.database_cidr_block)[0]}/${min([for block in [var.cidr_block, var.database_cidr_block] : tonumber(split("/", block)[1])]...)}", 0),
      true
    )
    error_message = "database_cidr_block is \"${var.database_cidr_block}\", which overlaps with cidr_block, \"${var.cidr_block}\"; it must be another range."
  }
}

variable "name" {
  description = "Prefix of every resource's name: <environment>-<network>."
  type        = string
  nullable    = false

  validation {
    condition = (
      length(var.name) <= 28
      && can(regex("^[a-z][a-z0-9-]*[a-z0-9]$", var.name))
      && !strcontains(var.name, "--")
    )
    error_message = "name is \"${var.name}\" and has ${length(var.name)} characters; it must have 2 to 28: lower-case letters, digits and single hyphens, first a letter, last no hyphen."
  }
}

variable "project" {
  description = "Id of the Google Cloud project that holds every resource of this layer."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is \"${var.project}\"; it must be a project's id, neither its name nor its number: 6 to 30 lower-case letters, digits and hyphens, first a letter, last no hyphen."
  }
}

variable "region" {
  description = "Google Cloud region that holds every resource of this layer."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is \"${var.region}\"; it must be a Google Cloud region such as us-central1."
  }
}

variable "tags" {
  description = "Tags of every resource, made into labels; Environment and Project are required, managedby is added by the layer."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for key in ["Environment", "Project"] : length(trimspace(lookup(var.tags, key, ""))) > 0])
    error_message = "tags must have a value, and not spaces alone, for ${join(" and ", [for key in ["Environment", "Project"] : key if length(trimspace(lookup(var.tags, key, ""))) == 0])}."
  }

  validation {
    condition = alltrue([
      for key, value in var.tags : can(regex("^[A-Za-z]", key)) && length(key) <= 63 && length(value) <= 63
    ])
    error_message = "tags become labels, whose keys begin with a letter from A to Z, and whose keys and values have at most 63 characters; it must be so for ${join(", ", [
      for key, value in var.tags : key if !can(regex("^[A-Za-z]", key)) || length(key) > 63 || length(value) > 63
    ])}."
  }

  validation {
    condition     = length(distinct([for key in keys(var.tags) : replace(lower(key), "/[^a-z0-9_-]/", "-")])) == length(var.tags)
    error_message = "tags become labels, whose keys have no capitals and only _ and - besides letters and digits; two of these become the same one: ${join(", ", keys(var.tags))}."
  }
}
