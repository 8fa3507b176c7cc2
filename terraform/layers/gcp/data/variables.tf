variable "credentials_version" {
  description = "Raise by one to replace every generated value at the next apply."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.credentials_version >= 1 && floor(var.credentials_version) == var.credentials_version
    error_message = "credentials_version is ${var.credentials_version}; it must be a whole number of at least 1."
  }
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

variable "secret_versions" {
  description = "The current version of each secret that secrets names: the secret's name to the number of the version. Another one replaces what runs."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "secrets" {
  description = "Secrets in the application's environment: the name of a variable to generated, for a value that is made once and kept, or to the name of a secret of this project, projects/<project>/secrets/<secret>."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.secrets) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key))])
    error_message = "secrets holds ${join(", ", [for key in keys(var.secrets) : jsonencode(key) if !can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key))])}; a name must be letters, digits and underscores, and begin with no digit."
  }

  # Source: "Configure environment variables for services", reserved names.
  validation {
    condition     = alltrue([for key in keys(var.secrets) : !can(regex("^(PORT|K_SERVICE|K_REVISION|K_CONFIGURATION|X_GOOGLE_.*)$", key))])
    error_message = "secrets holds ${join(", ", [for key in keys(var.secrets) : key if can(regex("^(PORT|K_SERVICE|K_REVISION|K_CONFIGURATION|X_GOOGLE_.*)$", key))])}; it must be another name: Cloud Run sets PORT, K_SERVICE, K_REVISION, K_CONFIGURATION and those that begin with X_GOOGLE_ itself."
  }

  # Source: "Configure secrets for services"; the id of a secret as "Create a secret" has it.
  validation {
    condition = alltrue([
      for source in values(var.secrets) : source == "generated" || can(regex("^projects/${var.project}/secrets/[A-Za-z0-9_-]{1,255}$", source))
    ])
    error_message = join(" ", [
      for name, source in var.secrets :
      "secrets has ${name} from ${startswith(source, "projects/") || startswith(source, "arn:") ? source : "a value that is not shown"}; it must be generated, or projects/${var.project}/secrets/<secret> without a version: a secret of the app's project, of which the newest version is taken. Cloud Run takes a secret as a whole, and no single key of one in JSON."
      if source != "generated" && !can(regex("^projects/${var.project}/secrets/[A-Za-z0-9_-]{1,255}$", source))
    ])
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
