variable "account_id" {
  description = "Id of the AWS account that holds every resource of this layer; the provider refuses credentials of another."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is \"${var.account_id}\"; it must be the 12 digits of an AWS account, in quotes, as aws sts get-caller-identity prints them."
  }
}

variable "bucket_names" {
  description = "Names of buckets that the deployment does not make and that applications of the environment use; data_bucket_name of the inventory names them."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.bucket_names : can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", name))])
    error_message = "bucket_names holds ${join(", ", var.bucket_names)}; it must hold names of buckets, 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "budget_email_addresses" {
  description = "E-mail addresses that are told when the costs of a month reach 80 % of the budget, or are forecast to exceed it; none for no budget."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = length(var.budget_email_addresses) <= 10 && alltrue([
      for address in var.budget_email_addresses : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", address))
    ])
    error_message = "budget_email_addresses is ${jsonencode(var.budget_email_addresses)}; it must be up to ten e-mail addresses, such as [\"operations@example.org\"]."
  }
}

variable "budget_monthly_usd" {
  description = "Budget of a month for the whole account, in US dollars; required with budget_email_addresses. playbooks/costs.yml says what an environment costs."
  type        = number
  default     = null

  validation {
    condition     = var.budget_monthly_usd == null ? length(var.budget_email_addresses) == 0 : var.budget_monthly_usd >= 1
    error_message = "budget_monthly_usd is ${var.budget_monthly_usd == null ? "null, and budget_email_addresses are to be told of what exceeds it" : var.budget_monthly_usd}; it must be 1 or more. playbooks/costs.yml says what the environment costs."
  }
}

variable "github_repository" {
  description = "GitHub repository, <owner>/<name>, whose jobs in the GitHub environment of this environment's name may take the deployer's role, and whose pull requests and main branch the plan-only role; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$", var.github_repository))
    error_message = "github_repository is \"${coalesce(var.github_repository, "null")}\"; it must be <owner>/<name>, such as example/shop, or null."
  }
}

variable "listener_arns" {
  description = "ARNs of listeners that the deployment does not make and that applications of the environment get rules of; network_load_balancer_https_listener_arn of the inventory names them."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.listener_arns : can(regex("^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:listener/app/[^/*?]+/[0-9a-z]+/[0-9a-z]+$", arn))])
    error_message = "listener_arns holds ${join(", ", var.listener_arns)}; it must hold whole ARNs of listeners of application load balancers, without wildcards."
  }
}

variable "name" {
  description = "Prefix of every resource's name: <environment>-bootstrap."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.name) <= 28 && can(regex("^[a-z][a-z0-9-]*-bootstrap$", var.name)) && !strcontains(var.name, "--")
    error_message = "name is \"${var.name}\"; it must be the environment's name and -bootstrap, at most 28 lower-case letters, digits and single hyphens, first a letter."
  }
}

variable "region" {
  description = "AWS region that the environment is deployed to."
  type        = string
  default     = "us-east-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is \"${var.region}\"; it must be an AWS region's code such as us-east-1."
  }
}

variable "secret_arns" {
  description = "ARNs of secrets that the deployment does not make and that applications of the environment have in theirs, or that are of a database's master; app_secrets and data_database_master_secret_arn of the inventory name them."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.secret_arns : can(regex("^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[^:*?]+$", arn))])
    error_message = "secret_arns holds ${join(", ", var.secret_arns)}; it must hold whole ARNs of secrets, without wildcards."
  }
}

variable "state_bucket" {
  description = "Bucket of Terraform's states, which the roles may read and write."
  type        = string
  nullable    = false
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

variable "trusted_principal_arns" {
  description = "ARNs of the users and roles that may take the deployer's and the plan-only role; none for whoever of the account has the permission sts:AssumeRole on them."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for arn in var.trusted_principal_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(root|(user|role)/[^*]+)$", arn))
    ])
    error_message = "trusted_principal_arns is ${jsonencode(var.trusted_principal_arns)}; each must be the whole ARN of a user or role, such as arn:aws:iam::111122223333:role/operations, without wildcards."
  }
}
