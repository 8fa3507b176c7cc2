variable "github_repository" {
  description = "GitHub repository, <owner>/<name>, whose jobs in the GitHub environment of this environment's name may act as the deployer's account, and whose pull requests and main branch as the plan-only one; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9_.-]{1,100}$", var.github_repository))
    error_message = "github_repository is \"${coalesce(var.github_repository, "null")}\"; it must be <owner>/<name>, such as example/shop, or null."
  }
}

variable "name" {
  description = "Prefix of every resource's name: <environment>-bootstrap."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*-bootstrap$", var.name)) && length(var.name) <= 28
    error_message = "name is \"${var.name}\"; it must be the environment's name and -bootstrap, at most 28 lower-case letters, digits and single hyphens, first a letter."
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

variable "secret_names" {
  description = "Secrets that no deployment makes and that applications of the environment have in theirs, projects/<project>/secrets/<secret>: the deployer may let an application read them."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.secret_names : can(regex("^projects/${var.project}/secrets/[A-Za-z0-9_-]{1,255}$", name))])
    error_message = "secret_names is ${jsonencode(var.secret_names)}; each must be projects/${var.project}/secrets/<secret>."
  }
}

variable "state_bucket" {
  description = "Bucket of Terraform's states, which the accounts may read and the deployer's may write."
  type        = string
  nullable    = false
}

variable "trusted_members" {
  description = "People and accounts that may act as the deployer's and the plan-only account, such as user:me@example.org or group:team@example.org."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for member in var.trusted_members : can(regex("^(user|group|serviceAccount):[^@[:space:]]+@[^@[:space:]]+$", member))
    ])
    error_message = "trusted_members is ${jsonencode(var.trusted_members)}; each must be user:, group: or serviceAccount: and an e-mail address."
  }
}
