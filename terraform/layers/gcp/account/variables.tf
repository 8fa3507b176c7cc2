variable "deployer_members" {
  description = "Who may deploy as the deployer's account besides the repository, such as user:me@example.org or group:team@example.org."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for member in var.deployer_members : can(regex("^(user|group|serviceAccount):[^@[:space:]]+@[^@[:space:]]+$", member))
    ])
    error_message = "deployer_members has ${join(", ", [
      for member in var.deployer_members : jsonencode(member) if !can(regex("^(user|group|serviceAccount):[^@[:space:]]+@[^@[:space:]]+$", member))
    ])}; each must be user:, group: or serviceAccount: and an e-mail address."
  }
}

variable "github_environment" {
  description = "GitHub environment of the workflow jobs that may deploy; null for every job of the repository. Other jobs may plan."
  type        = string
  default     = null

  validation {
    condition     = var.github_environment == null || can(regex("^[A-Za-z0-9_.-]{1,50}$", var.github_environment))
    error_message = "github_environment is ${jsonencode(var.github_environment)}; it must be the name of an environment of the repository, 1 to 50 letters, digits, _, . and -, or null."
  }
}

variable "github_repository" {
  description = "GitHub repository, <owner>/<name>, whose workflows may plan and deploy without a key; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9_.-]{1,100}$", var.github_repository))
    error_message = "github_repository is ${jsonencode(var.github_repository)}; it must be <owner>/<name>, as in the repository's address behind github.com/, or null."
  }
}

variable "name" {
  description = "Prefix of every resource's name: <environment>-<app>."
  type        = string
  nullable    = false

  validation {
    condition = (
      length(var.name) <= 21
      && can(regex("^[a-z][a-z0-9-]*[a-z0-9]$", var.name))
      && !strcontains(var.name, "--")
    )
    error_message = "name is \"${var.name}\" and has ${length(var.name)} characters; it must have 2 to 21: lower-case letters, digits and single hyphens, first a letter, last no hyphen."
  }
}

variable "planner_members" {
  description = "Who may plan as the account that changes nothing, in the words of deployer_members."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for member in var.planner_members : can(regex("^(user|group|serviceAccount):[^@[:space:]]+@[^@[:space:]]+$", member))
    ])
    error_message = "planner_members has ${join(", ", [
      for member in var.planner_members : jsonencode(member) if !can(regex("^(user|group|serviceAccount):[^@[:space:]]+@[^@[:space:]]+$", member))
    ])}; each must be user:, group: or serviceAccount: and an e-mail address."
  }
}

variable "project" {
  description = "Id of the Google Cloud project that is made ready."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is \"${var.project}\"; it must be a project's id, neither its name nor its number: 6 to 30 lower-case letters, digits and hyphens, first a letter, last no hyphen."
  }
}

variable "state_bucket" {
  description = "Name of the bucket of the Terraform states, which must exist."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "state_bucket is \"${var.state_bucket}\"; it must be a bucket's name: 3 to 63 lower-case letters, digits, _, . and -, first and last a letter or a digit."
  }
}
