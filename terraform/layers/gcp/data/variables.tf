variable "allocated_storage_gb" {
  description = "Size of the database's storage in GB."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.allocated_storage_gb >= 10 && var.allocated_storage_gb <= 65536 && floor(var.allocated_storage_gb) == var.allocated_storage_gb
    error_message = "allocated_storage_gb is ${var.allocated_storage_gb}; Cloud SQL allows whole numbers from 10 to 65536."
  }
}

variable "backup_retention_days" {
  description = "Days that the database's daily backups are kept; for as many of them, and 7 at most, it can be brought back to any moment."
  type        = number
  default     = 7
  nullable    = false

  # "Automated backup and transaction log retention".
  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 365 && floor(var.backup_retention_days) == var.backup_retention_days
    error_message = "backup_retention_days is ${var.backup_retention_days}; it must be a whole number from 1 to 365."
  }
}

variable "credentials_version" {
  description = "Raise by one to replace every generated value at the next apply; database users get theirs when their access is next set up."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.credentials_version >= 1 && floor(var.credentials_version) == var.credentials_version
    error_message = "credentials_version is ${var.credentials_version}; it must be a whole number of at least 1."
  }
}

variable "database_name" {
  description = "Name of the PostgreSQL database and prefix of its users' names; null for an application without a database."
  type        = string
  default     = null

  # 54: PostgreSQL cuts names at 63 bytes, and _migrator is the longest ending of a user's.
  validation {
    condition = var.database_name == null || try(
      can(regex("^[a-z][a-z0-9_]{0,53}$", var.database_name))
      && !contains(["cloudsqladmin", "postgres", "template0", "template1"], var.database_name),
      false
    )
    error_message = "database_name is ${jsonencode(var.database_name)}; it must be null or have 1 to 54 lower-case letters, digits and underscores, first a letter (PostgreSQL allows 63, and users' names add up to 9), and be none of cloudsqladmin, postgres, template0 and template1, which are Cloud SQL's own."
  }
}

variable "database_url_enabled" {
  description = "Whether the application, and its migrations, have the secret DATABASE_URL in their environment: user, password, host, port and database as one URL of PostgreSQL."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.database_url_enabled || var.database_name != null
    error_message = "database_url_enabled is true, and database_name is null; a URL needs a database."
  }
}

variable "database_url_scheme" {
  description = "What DATABASE_URL begins with: postgresql, postgres, or one of them with a driver of SQLAlchemy, as in postgresql+psycopg2."
  type        = string
  default     = "postgresql"
  nullable    = false

  validation {
    condition     = can(regex("^postgres(ql)?(\\+[a-z0-9_]+)?$", var.database_url_scheme))
    error_message = "database_url_scheme is \"${var.database_url_scheme}\"; it must be postgresql, postgres, or one of them, a plus sign and a driver of SQLAlchemy, such as postgresql+psycopg2."
  }
}

variable "deletion_protection" {
  description = "Whether the database has deletion protection."
  type        = bool
  default     = true
  nullable    = false
}

variable "engine_version" {
  description = "Major version of PostgreSQL, 14 to 18; minor upgrades come by themselves."
  type        = string
  default     = "15"
  nullable    = false

  validation {
    condition     = can(regex("^1[4-8]$", var.engine_version))
    error_message = "engine_version is \"${var.engine_version}\"; it must be a major version of PostgreSQL from 14 to 18, without a minor one, such as 15."
  }
}

variable "final_snapshot_enabled" {
  description = "Whether a backup is taken when the database is destroyed, and kept for a year."
  type        = bool
  default     = true
  nullable    = false
}

variable "master_username" {
  description = "Name of the database's master user, which sets up the other users."
  type        = string
  default     = "postgres"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.master_username)) && !startswith(var.master_username, "pg_") && !startswith(var.master_username, "cloudsql")
    error_message = "master_username is \"${var.master_username}\"; it must have 1 to 63 lower-case letters, digits and underscores, first a letter, and begin with neither pg_ nor cloudsql."
  }
}

variable "max_allocated_storage_gb" {
  description = "Size in GB that Cloud SQL lets the storage grow to when it runs full; null for storage that does not grow."
  type        = number
  default     = 100

  validation {
    condition = var.max_allocated_storage_gb == null || try(
      var.max_allocated_storage_gb > var.allocated_storage_gb
      && var.max_allocated_storage_gb <= 65536
      && floor(var.max_allocated_storage_gb) == var.max_allocated_storage_gb,
      false
    )
    error_message = "max_allocated_storage_gb is ${jsonencode(var.max_allocated_storage_gb)}; it must be null or a whole number up to 65536 that is more than allocated_storage_gb (${var.allocated_storage_gb})."
  }
}

variable "multi_az" {
  description = "Whether a standby of the database runs in a second zone; doubles its price."
  type        = bool
  default     = true
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
    error_message = "name is \"${var.name}\" and has ${length(var.name)} characters; it must have 2 to 28: lower-case letters, digits and single hyphens, first a letter, last no hyphen."
  }

  # The jobs of the database have accounts of that name with --d and --m at its end, and the id of an account has 30 characters.
  validation {
    condition     = var.database_name == null || length(var.name) <= 27
    error_message = "name is \"${var.name}\" and has ${length(var.name)} characters; it must have at most 27 where database_name is set."
  }
}

variable "network_database_zone_name" {
  description = "Name of the private zone of Cloud DNS that the names of databases are in; null for an application without a database."
  type        = string
  default     = null
}

variable "network_vpc_id" {
  description = "Id of the VPC, projects/<project>/global/networks/<name>; null for an application without a database."
  type        = string
  default     = null

  validation {
    condition     = var.network_vpc_id == null || can(regex("^projects/[^/]+/global/networks/[^/]+$", var.network_vpc_id))
    error_message = "network_vpc_id is ${jsonencode(var.network_vpc_id)}; it must be the id of a VPC, projects/<project>/global/networks/<name>."
  }
}

variable "performance_insights_enabled" {
  description = "Whether Cloud SQL records which statements the database spends its time on (Query Insights); seven days of that cost nothing."
  type        = bool
  default     = false
  nullable    = false
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

  validation {
    condition     = !(var.database_url_enabled && contains(keys(var.secrets), "DATABASE_URL"))
    error_message = "secrets holds DATABASE_URL, which database_url_enabled gives the application; leave one of them out."
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

variable "tier" {
  description = "Machine type of the database: db-f1-micro, db-g1-small, or db-custom-<CPUs>-<MiB of memory>."
  type        = string
  default     = "db-f1-micro"
  nullable    = false

  # "Create instances", custom machine types; the edition is Enterprise.
  validation {
    condition = contains(["db-f1-micro", "db-g1-small"], var.tier) || try(
      contains(concat([1], range(2, 97, 2)), tonumber(split("-", var.tier)[2]))
      && can(regex("^db-custom-[0-9]+-[0-9]+$", var.tier))
      && tonumber(split("-", var.tier)[3]) % 256 == 0
      && tonumber(split("-", var.tier)[3]) >= max(3840, 921.6 * tonumber(split("-", var.tier)[2]))
      && tonumber(split("-", var.tier)[3]) <= 6656 * tonumber(split("-", var.tier)[2]),
      false
    )
    error_message = "tier is \"${var.tier}\"; it must be db-f1-micro, db-g1-small, or db-custom-<CPUs>-<MiB>, such as db-custom-1-3840: 1 CPU or an even number of them up to 96, and for each 0.9 to 6.5 GiB of memory, 3840 MiB at least and a multiple of 256."
  }
}
