variable "account_id" {
  description = "Id of the AWS account that holds every resource of this layer; the provider refuses credentials of another."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is \"${var.account_id}\"; it must be the 12 digits of an AWS account, in quotes, as aws sts get-caller-identity prints them."
  }
}

variable "allocated_storage_gb" {
  description = "Size of the database's gp3 storage in GB."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.allocated_storage_gb >= 20 && var.allocated_storage_gb <= 65536 && floor(var.allocated_storage_gb) == var.allocated_storage_gb
    error_message = "allocated_storage_gb is ${var.allocated_storage_gb}; RDS allows whole numbers from 20 to 65536 for gp3."
  }
}

variable "api_key_required" {
  description = "Whether to generate a secret key that callers must send to write."
  type        = bool
  default     = false
  nullable    = false
}

variable "archive_expiration_days" {
  description = "Days after which objects under archived/ in the bucket are deleted."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.archive_expiration_days >= 1 && floor(var.archive_expiration_days) == var.archive_expiration_days
    error_message = "archive_expiration_days is ${var.archive_expiration_days}; it must be a whole number of at least 1."
  }
}

variable "backup_retention_days" {
  description = "Days that the database's automated backups are kept."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35 && floor(var.backup_retention_days) == var.backup_retention_days
    error_message = "backup_retention_days is ${var.backup_retention_days}; it must be a whole number from 1 to 35 (0 would turn backups off)."
  }
}

variable "bucket_enabled" {
  description = "Whether the application has a bucket."
  type        = bool
  default     = false
  nullable    = false
}

variable "bucket_force_destroy" {
  description = "Whether destroying the bucket also deletes the objects in it; without it, AWS refuses while there are any."
  type        = bool
  default     = false
  nullable    = false
}

variable "bucket_name" {
  description = "Name of a bucket that exists, in the region of the layer, and that the application uses; null for none. It is neither changed nor destroyed."
  type        = string
  default     = null

  # "General purpose bucket naming rules" in the Amazon S3 User Guide; a dot is no name for TLS.
  validation {
    condition     = var.bucket_name == null || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name is ${jsonencode(var.bucket_name)}; it must be the name of a bucket that exists, 3 to 63 lower-case letters, digits and hyphens, or null."
  }

  validation {
    condition     = var.bucket_name == null || !var.bucket_enabled
    error_message = "bucket_name is ${jsonencode(var.bucket_name)}, and bucket_enabled is true; one must not be set: the former uses a bucket that exists, the latter makes one."
  }
}

variable "credentials_version" {
  description = "Raise by one to replace every generated password and key at the next apply; database users get theirs when their access is next set up."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.credentials_version >= 1 && floor(var.credentials_version) == var.credentials_version
    error_message = "credentials_version is ${var.credentials_version}; it must be a whole number of at least 1."
  }
}

variable "database_instance_identifier" {
  description = "Identifier of an instance of RDS for PostgreSQL that exists in the network's VPC: the database is made there if it is not there, and neither database nor instance is ever destroyed. Its security group, the first by id, gets a rule for the application. null makes an instance."
  type        = string
  default     = null

  # CreateDBInstance in the Amazon RDS API Reference.
  validation {
    condition = var.database_instance_identifier == null || (
      can(regex("^[a-z][a-z0-9-]{0,61}[a-z0-9]$", var.database_instance_identifier))
      && !strcontains(coalesce(var.database_instance_identifier, "-"), "--")
    )
    error_message = "database_instance_identifier is ${jsonencode(var.database_instance_identifier)}; it must be the identifier of an instance that exists: 2 to 63 lower-case letters, digits and single hyphens, first a letter, last no hyphen. Or null."
  }

  validation {
    condition     = (var.database_instance_identifier == null) == (var.database_master_secret_arn == null)
    error_message = "database_instance_identifier is ${jsonencode(var.database_instance_identifier)}, and database_master_secret_arn ${jsonencode(var.database_master_secret_arn)}; they must be an instance that exists and the secret of its master user, or both null."
  }
}

variable "database_log_export_enabled" {
  description = "Whether the database's logs, its own and that of upgrades, go to CloudWatch Logs too."
  type        = bool
  default     = false
  nullable    = false
}

variable "database_master_secret_arn" {
  description = "ARN of the secret with the name and the password of the master user of database_instance_identifier (JSON: username, password), as RDS keeps it; null without such an instance."
  type        = string
  default     = null

  validation {
    condition     = var.database_master_secret_arn == null || can(regex("^arn:aws[a-z-]*:secretsmanager:${var.region}:${var.account_id}:secret:[^:*?]+$", var.database_master_secret_arn))
    error_message = "database_master_secret_arn is ${jsonencode(var.database_master_secret_arn)}; it must be the whole ARN of a secret of the region ${var.region} and the account ${var.account_id}, or null."
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
      && !contains(["postgres", "rdsadmin", "template0", "template1"], var.database_name),
      false
    )
    error_message = "database_name is ${jsonencode(var.database_name)}; it must be null or have 1 to 54 lower-case letters, digits and underscores, first a letter (PostgreSQL allows 63, and users' names add up to 9), and be none of postgres, rdsadmin, template0 and template1, which are RDS's own."
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
  description = "Version of PostgreSQL, 14 to 18: the major one alone takes minor upgrades as they come."
  type        = string
  default     = "15"
  nullable    = false

  # "Release calendars for Amazon RDS for PostgreSQL": 13 left standard support on 28 February 2026, 14 does so a year later.
  validation {
    condition     = can(regex("^1[4-8](\\.[0-9]+)?$", var.engine_version))
    error_message = "engine_version is \"${var.engine_version}\"; it must be a PostgreSQL version from 14 to 18, such as 15 or 15.8. RDS enrols databases of older versions in Extended Support, which costs more than a small instance."
  }
}

variable "enhanced_monitoring_interval_seconds" {
  description = "Seconds between two readings of the database host's operating system in the log group RDSOSMetrics, at a price for each GB; 0 for none."
  type        = number
  default     = 0
  nullable    = false

  # MonitoringInterval of CreateDBInstance in the Amazon RDS API Reference.
  validation {
    condition     = contains([0, 1, 5, 10, 15, 30, 60], var.enhanced_monitoring_interval_seconds)
    error_message = "enhanced_monitoring_interval_seconds is ${var.enhanced_monitoring_interval_seconds}; it must be 0, 1, 5, 10, 15, 30 or 60."
  }
}

variable "final_snapshot_enabled" {
  description = "Whether destroying the database first takes the snapshot <name>-final-<8 hexadecimal digits>."
  type        = bool
  default     = true
  nullable    = false
}

variable "instance_class" {
  description = "Class of the database instance."
  type        = string
  default     = "db.t3.micro"
  nullable    = false

  validation {
    condition     = can(regex("^db\\.[a-z0-9-]+\\.[a-z0-9]+$", var.instance_class))
    error_message = "instance_class is \"${var.instance_class}\"; it must be a class of RDS such as db.t3.micro."
  }
}

variable "log_retention_days" {
  description = "Days that log entries of migrations and of the database are kept."
  type        = number
  default     = 7
  nullable    = false

  # PutRetentionPolicy in the Amazon CloudWatch Logs API Reference.
  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days
    )
    error_message = "log_retention_days is ${var.log_retention_days}; it must be 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "master_username" {
  description = "Name of the database's master user, which sets up the other users."
  type        = string
  default     = "postgres"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.master_username)) && !startswith(var.master_username, "pg_") && !contains(["admin", "rdsadmin"], var.master_username)
    error_message = "master_username is \"${var.master_username}\"; it must have 1 to 63 lower-case letters, digits and underscores, first a letter, not begin with pg_ and not be admin or rdsadmin."
  }
}

variable "max_allocated_storage_gb" {
  description = "Size in GB that RDS lets the storage grow to when it runs full; null for storage that does not grow."
  type        = number
  default     = 100

  # "Managing capacity automatically with Amazon RDS storage autoscaling" in the Amazon RDS User Guide.
  validation {
    condition = var.max_allocated_storage_gb == null || try(
      var.max_allocated_storage_gb >= 1.1 * var.allocated_storage_gb
      && var.max_allocated_storage_gb <= 65536
      && floor(var.max_allocated_storage_gb) == var.max_allocated_storage_gb,
      false
    )
    error_message = "max_allocated_storage_gb is ${jsonencode(var.max_allocated_storage_gb)}; it must be null or a whole number up to 65536 that is 10 % more than allocated_storage_gb (${var.allocated_storage_gb}) at least."
  }
}

variable "multi_az" {
  description = "Whether a standby of the database runs in a second availability zone; doubles its price."
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
    error_message = "name is \"${var.name}\" and has ${length(var.name)} characters; it must have 2 to 28: lower-case letters, digits and single hyphens, first a letter, last no hyphen. AWS allows nothing else in names of load balancers and databases, allows load balancers 32 characters, and some names add an ending."
  }
}

variable "network_access_log_bucket_name" {
  description = "Name of the bucket that requests to the application's bucket are logged in; null for no access logs."
  type        = string
  default     = null
}

variable "network_private_subnet_ids" {
  description = "Ids of the private subnets, in two availability zones at least, that hold the database."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(distinct(var.network_private_subnet_ids)) >= 2 && alltrue([for id in var.network_private_subnet_ids : startswith(id, "subnet-")])
    error_message = "network_private_subnet_ids must be at least two different ids that begin with subnet-; they are: ${join(", ", var.network_private_subnet_ids)}."
  }
}

variable "network_vpc_id" {
  description = "Id of the VPC."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.network_vpc_id, "vpc-")
    error_message = "network_vpc_id is \"${var.network_vpc_id}\"; it must begin with vpc-."
  }
}

variable "noncurrent_version_expiration_days" {
  description = "Days that overwritten and deleted objects of the bucket can be brought back."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.noncurrent_version_expiration_days >= 1 && floor(var.noncurrent_version_expiration_days) == var.noncurrent_version_expiration_days
    error_message = "noncurrent_version_expiration_days is ${var.noncurrent_version_expiration_days}; it must be a whole number of at least 1."
  }
}

variable "performance_insights_enabled" {
  description = "Whether RDS records which statements the database spends its time on; seven days of that cost nothing."
  type        = bool
  default     = false
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "ARN of the IAM policy that limits every role of this layer; null for none. The policy of the deployer's role allows no role without it."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn is \"${coalesce(var.permissions_boundary_arn, "null")}\"; it must be the ARN of an IAM policy of the account, or null."
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

variable "registry_repository_arn" {
  description = "ARN of the ECR repository that migrations are pulled from; null when the image comes from a public registry."
  type        = string
}

variable "secret_recovery_days" {
  description = "Days that a deleted secret can be brought back; 0 deletes it at once and frees its name."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "secret_recovery_days is ${var.secret_recovery_days}; it must be 0 (deletes at once) or 7 to 30, which is what AWS allows."
  }
}

variable "secret_versions" {
  description = "The current version of each secret that secrets names by its ARN: ARN to the version's id. Another one replaces what runs."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "secrets" {
  description = "Secrets in the application's environment: the name of a variable to generated, for a value that is made once and kept, or to the ARN of a secret of this account and region, followed by :<key>:: for one key of a secret in JSON."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.secrets) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key))])
    error_message = "secrets holds ${join(", ", [for key in keys(var.secrets) : jsonencode(key) if !can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key))])}; a name must be letters, digits and underscores, and begin with no digit."
  }

  validation {
    condition     = !(var.database_url_enabled && contains(keys(var.secrets), "DATABASE_URL"))
    error_message = "secrets holds DATABASE_URL, which database_url_enabled gives the application; leave one of them out."
  }

  # valueFrom of Secret in the Amazon ECS API Reference. The six characters at the end are Secrets Manager's.
  validation {
    condition = alltrue([
      for source in values(var.secrets) :
      source == "generated" || can(regex("^arn:aws[a-z-]*:secretsmanager:${var.region}:${var.account_id}:secret:[A-Za-z0-9/_+=.@!-]+-[A-Za-z0-9]{6}(:[A-Za-z0-9_.-]+::)?$", source))
    ])
    error_message = join(" ", [
      for name, source in var.secrets :
      "secrets has ${name} from ${startswith(source, "arn:") ? source : "a value that is not shown"}; it must be generated, or the whole ARN of a secret in ${var.region} of the account ${var.account_id}, as aws secretsmanager describe-secret prints it, with :<key>:: at its end for one key of a secret in JSON."
      if source != "generated" && !can(regex("^arn:aws[a-z-]*:secretsmanager:${var.region}:${var.account_id}:secret:[A-Za-z0-9/_+=.@!-]+-[A-Za-z0-9]{6}(:[A-Za-z0-9_.-]+::)?$", source))
    ])
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
