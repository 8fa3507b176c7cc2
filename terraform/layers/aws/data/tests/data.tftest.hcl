# The real provider plans here, with made-up credentials and nothing to call: a mocked one refuses every configuration
# that holds an ephemeral resource (https://github.com/hashicorp/terraform/issues/38608).
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

# What somebody else keeps, where a run names it.
override_data {
  target = data.aws_db_instance.existing[0]
  values = {
    address                = "shared.abcdefgh.us-east-1.rds.amazonaws.com"
    db_instance_identifier = "shared"
    engine                 = "postgres"
    port                   = 5433
    resource_id            = "db-SHARED"
    vpc_security_groups    = ["sg-b", "sg-a"]
  }
}

override_data {
  target = data.aws_security_group.existing[0]
  values = { id = "sg-a", vpc_id = "vpc-1" }
}

override_data {
  target = data.aws_s3_bucket.existing[0]
  values = { arn = "arn:aws:s3:::files-of-the-team", bucket = "files-of-the-team", region = "us-east-1" }
}

variables {
  account_id                 = "111122223333"
  name                       = "dev-tasks"
  network_private_subnet_ids = ["subnet-1", "subnet-2"]
  network_vpc_id             = "vpc-1"
  registry_repository_arn    = "arn:aws:ecr:us-east-1:111122223333:repository/dev-tasks"
  tags                       = { Environment = "development", Project = "task-management-api" }
}

run "defaults_with_database_and_bucket" {
  command = plan

  variables {
    bucket_enabled = true
    database_name  = "taskdb"
  }

  assert {
    condition = (
      aws_db_instance.this[0].engine == "postgres"
      && aws_db_instance.this[0].engine_version == "15"
      && aws_db_instance.this[0].instance_class == "db.t3.micro"
      && aws_db_instance.this[0].db_name == "taskdb"
      && aws_db_instance.this[0].port == 5432
    )
    error_message = "The database is PostgreSQL 15 on db.t3.micro with the database taskdb on port 5432."
  }

  assert {
    condition = (
      aws_db_instance.this[0].allocated_storage == 20
      && aws_db_instance.this[0].max_allocated_storage == 100
      && aws_db_instance.this[0].storage_type == "gp3"
      && aws_db_instance.this[0].storage_encrypted
    )
    error_message = "The database has 20 GB of encrypted gp3, which grow up to 100."
  }

  assert {
    condition     = aws_db_instance.this[0].monitoring_interval == 0 && !aws_db_instance.this[0].performance_insights_enabled && length(aws_iam_role.enhanced_monitoring) == 0 && length(aws_s3_bucket_logging.this) == 0
    error_message = "What costs money is not there until it is asked for."
  }

  assert {
    condition = (
      aws_db_instance.this[0].multi_az
      && aws_db_instance.this[0].backup_retention_period == 7
      && aws_db_instance.this[0].deletion_protection
      && !aws_db_instance.this[0].skip_final_snapshot
    )
    error_message = "The database is Multi-AZ, backed up for 7 days and protected from deletion, with a last snapshot."
  }

  assert {
    condition     = !aws_db_instance.this[0].publicly_accessible && toset(aws_db_subnet_group.this[0].subnet_ids) == toset(["subnet-1", "subnet-2"])
    error_message = "The database is in the private subnets only."
  }

  assert {
    condition = aws_db_parameter_group.this[0].family == "postgres15" && anytrue([
      for setting in aws_db_parameter_group.this[0].parameter : setting.name == "rds.force_ssl" && setting.value == "1"
    ])
    error_message = "The database refuses connections without TLS."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.database_from_app[0].from_port == 5432
      && aws_vpc_security_group_ingress_rule.database_from_app[0].to_port == 5432
      && aws_vpc_security_group_ingress_rule.database_from_app[0].cidr_ipv4 == null
      && aws_vpc_security_group_egress_rule.app_to_database[0].from_port == 5432
      && aws_vpc_security_group_egress_rule.app_to_database[0].cidr_ipv4 == null
      && aws_vpc_security_group_egress_rule.app_to_https.from_port == 443
      && aws_vpc_security_group_egress_rule.app_to_https.to_port == 443
    )
    error_message = "The application reaches the database's group on 5432 and anything on 443; the database allows a group on 5432, no addresses."
  }

  assert {
    condition = (
      aws_s3_bucket.this[0].bucket == "dev-tasks-111122223333"
      && aws_s3_bucket_versioning.this[0].versioning_configuration[0].status == "Enabled"
      && one(aws_s3_bucket_server_side_encryption_configuration.this[0].rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
      && one(aws_s3_bucket_ownership_controls.this[0].rule).object_ownership == "BucketOwnerEnforced"
    )
    error_message = "The bucket is named after app and account, keeps versions, encrypts with AES-256 and knows no ACLs."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this[0].block_public_acls,
      aws_s3_bucket_public_access_block.this[0].block_public_policy,
      aws_s3_bucket_public_access_block.this[0].ignore_public_acls,
      aws_s3_bucket_public_access_block.this[0].restrict_public_buckets,
    ])
    error_message = "The bucket blocks every kind of public access."
  }

  assert {
    condition = one([
      for rule in aws_s3_bucket_lifecycle_configuration.this[0].rule : rule.expiration[0].days
      if rule.filter[0].prefix == "archived/"
    ]) == 90
    error_message = "Objects under archived/ are deleted after 90 days."
  }

  assert {
    condition = { for key, secret in aws_secretsmanager_secret.database : key => secret.name } == {
      app      = "dev-tasks/database/app"
      master   = "dev-tasks/database/master"
      migrator = "dev-tasks/database/migrator"
      readonly = "dev-tasks/database/readonly"
    }
    error_message = "Each database user has a secret of its own."
  }

  assert {
    condition     = length(aws_secretsmanager_secret.api_key) == 0 && output.api_key_secret_arn == null
    error_message = "There is no API key unless asked for."
  }

  assert {
    condition     = output.migration_cluster_name == "dev-tasks-migration" && output.migration_log_group_name == "dev-tasks/migration"
    error_message = "Migrations have a cluster and a log group of their own."
  }
}

run "instance_that_exists" {
  command = plan

  variables {
    database_instance_identifier = "shared"
    database_master_secret_arn   = "arn:aws:secretsmanager:us-east-1:111122223333:secret:rds!db-a-AbCdEf"
    database_name                = "taskdb"
  }

  assert {
    condition     = length(aws_db_instance.this) == 0 && length(aws_db_parameter_group.this) == 0 && length(aws_db_subnet_group.this) == 0 && length(aws_security_group.database) == 0
    error_message = "No instance is made, and nothing of one."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.database_from_app[0].security_group_id == "sg-a"
      && aws_vpc_security_group_ingress_rule.database_from_app[0].from_port == 5433
      && aws_vpc_security_group_egress_rule.app_to_database[0].referenced_security_group_id == "sg-a"
      && aws_vpc_security_group_egress_rule.app_to_database[0].to_port == 5433
    )
    error_message = "The application reaches the instance by its first security group."
  }

  assert {
    condition     = toset(keys(aws_secretsmanager_secret.database)) == toset(["app", "migrator", "readonly"]) && output.master_secret_arn == "arn:aws:secretsmanager:us-east-1:111122223333:secret:rds!db-a-AbCdEf"
    error_message = "The master has the secret that it had."
  }

  assert {
    condition = (
      output.database_host == "shared.abcdefgh.us-east-1.rds.amazonaws.com"
      && output.database_port == 5433
      && output.database_name == "taskdb"
      && output.database_instance_identifier == "shared"
      && output.database_resource_id == "db-SHARED"
    )
    error_message = "The application is told where the database is."
  }
}

run "rejects_an_instance_of_another_engine" {
  command = plan

  variables {
    database_instance_identifier = "shared"
    database_master_secret_arn   = "arn:aws:secretsmanager:us-east-1:111122223333:secret:rds!db-a-AbCdEf"
    database_name                = "taskdb"
  }

  override_data {
    target = data.aws_db_instance.existing[0]
    values = { engine = "mysql", vpc_security_groups = ["sg-a"] }
  }

  expect_failures = [data.aws_db_instance.existing[0]]
}

run "rejects_an_instance_of_another_vpc" {
  command = plan

  variables {
    database_instance_identifier = "shared"
    database_master_secret_arn   = "arn:aws:secretsmanager:us-east-1:111122223333:secret:rds!db-a-AbCdEf"
    database_name                = "taskdb"
  }

  override_data {
    target = data.aws_security_group.existing[0]
    values = { id = "sg-a", vpc_id = "vpc-2" }
  }

  expect_failures = [data.aws_security_group.existing[0]]
}

run "rejects_an_instance_without_its_master" {
  command = plan

  variables {
    database_instance_identifier = "shared"
    database_name                = "taskdb"
  }

  expect_failures = [var.database_instance_identifier]
}

run "bucket_that_exists" {
  command = plan

  variables {
    bucket_name = "files-of-the-team"
  }

  assert {
    condition     = length(aws_s3_bucket.this) == 0 && length(aws_s3_bucket_policy.this) == 0 && length(aws_s3_bucket_lifecycle_configuration.this) == 0
    error_message = "Nothing of a bucket is made or changed."
  }

  assert {
    condition     = output.bucket_arn == "arn:aws:s3:::files-of-the-team" && output.bucket_name == "files-of-the-team"
    error_message = "The application is told of the bucket that exists."
  }
}

run "rejects_two_buckets" {
  command = plan

  variables {
    bucket_enabled = true
    bucket_name    = "files-of-the-team"
  }

  expect_failures = [var.bucket_name]
}

run "neither_database_nor_bucket" {
  command = plan

  assert {
    condition = (
      length(aws_db_instance.this) == 0 && length(aws_security_group.database) == 0
      && length(aws_secretsmanager_secret.database) == 0 && length(aws_s3_bucket.this) == 0
    )
    error_message = "What an app does not have is not made."
  }

  assert {
    condition = length(output.secret_arns) == 0 && alltrue([
      for value in [
        output.bucket_arn, output.bucket_name, output.database_access_task_role_arn, output.database_host, output.database_instance_identifier,
        output.database_name, output.database_port, output.database_resource_id, output.master_secret_arn,
        output.migration_cluster_name, output.migration_execution_role_arn, output.migration_log_group_name,
        output.migration_task_role_arn,
      ] : value == null
    ])
    error_message = "Outputs of what is not there are null."
  }
}

run "almost_everything_changed" {
  command = plan

  variables {
    allocated_storage_gb                 = 100
    api_key_required                     = true
    archive_expiration_days              = 30
    backup_retention_days                = 35
    bucket_enabled                       = true
    bucket_force_destroy                 = true
    credentials_version                  = 2
    database_log_export_enabled          = true
    database_name                        = "beers"
    deletion_protection                  = false
    enhanced_monitoring_interval_seconds = 30
    engine_version                       = "16.3"
    final_snapshot_enabled               = false
    instance_class                       = "db.t4g.small"
    log_retention_days                   = 30
    master_username                      = "root"
    max_allocated_storage_gb             = 110
    multi_az                             = false
    network_access_log_bucket_name       = "prod-main-access-logs-111122223333"
    noncurrent_version_expiration_days   = 7
    performance_insights_enabled         = true
    registry_repository_arn              = null
    secret_recovery_days                 = 0
  }

  assert {
    condition = (
      aws_db_instance.this[0].allocated_storage == 100
      && aws_db_instance.this[0].max_allocated_storage == 110
      && aws_db_instance.this[0].backup_retention_period == 35
      && aws_db_instance.this[0].instance_class == "db.t4g.small"
      && aws_db_instance.this[0].username == "root"
      && !aws_db_instance.this[0].deletion_protection
      && !aws_db_instance.this[0].multi_az
      && aws_db_instance.this[0].skip_final_snapshot
      && aws_db_instance.this[0].final_snapshot_identifier == null
    )
    error_message = "Each setting of the database reaches it."
  }

  assert {
    condition = (
      aws_db_instance.this[0].monitoring_interval == 30
      && aws_db_instance.this[0].performance_insights_enabled
      && aws_db_instance.this[0].performance_insights_retention_period == 7
      && aws_iam_role_policy_attachment.enhanced_monitoring[0].policy_arn == "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
      && jsondecode(aws_iam_role.enhanced_monitoring[0].assume_role_policy).Statement[0].Condition.ArnLike["aws:SourceArn"] == "arn:aws:rds:us-east-1:111122223333:db:dev-tasks"
    )
    error_message = "RDS reads the host every 30 seconds by a role of this database alone, and keeps what costs nothing of its insights."
  }

  assert {
    condition     = aws_db_parameter_group.this[0].family == "postgres16" && aws_db_parameter_group.this[0].name == "dev-tasks-postgres16"
    error_message = "The parameter group follows the major version."
  }

  assert {
    condition = (
      aws_db_instance.this[0].enabled_cloudwatch_logs_exports == toset(["postgresql", "upgrade"])
      && aws_cloudwatch_log_group.database["postgresql"].name == "/aws/rds/instance/dev-tasks/postgresql"
      && aws_cloudwatch_log_group.database["upgrade"].name == "/aws/rds/instance/dev-tasks/upgrade"
      && aws_cloudwatch_log_group.database["upgrade"].retention_in_days == 30
    )
    error_message = "The database's logs go to groups with the retention asked for."
  }

  assert {
    condition = (
      aws_secretsmanager_secret.api_key[0].name == "dev-tasks/api-key"
      && aws_secretsmanager_secret.api_key[0].recovery_window_in_days == 0
      && alltrue([for secret in aws_secretsmanager_secret.database : secret.recovery_window_in_days == 0])
    )
    error_message = "The API key is a secret, and secrets go at once where recovery is 0 days."
  }

  assert {
    condition = alltrue([
      for version in concat(values(aws_secretsmanager_secret_version.database), aws_secretsmanager_secret_version.api_key) :
      version.secret_string_wo_version == 2 && version.secret_string == null
    ])
    error_message = "A new credentials_version rewrites every secret, and no secret's value is kept."
  }

  assert {
    condition = aws_s3_bucket.this[0].force_destroy && alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.this[0].rule :
      rule.filter[0].prefix == "archived/" ? rule.expiration[0].days == 30 : rule.noncurrent_version_expiration[0].noncurrent_days == 7
    ])
    error_message = "Each setting of the bucket reaches it."
  }

  assert {
    condition     = aws_s3_bucket_logging.this[0].target_bucket == "prod-main-access-logs-111122223333"
    error_message = "Requests to the bucket are logged."
  }
}

run "secrets_in_the_environment" {
  command = plan

  variables {
    database_name = "taskdb"
    secrets = {
      MAIL_PASSWORD = "arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf:password::"
      MAIL_USER     = "arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf:username::"
      SECRET_KEY    = "generated"
      STRIPE_KEY    = "arn:aws:secretsmanager:us-east-1:111122223333:secret:payment/stripe-GhIjKl"
      app           = "generated"
    }
  }

  assert {
    condition = { for name, secret in aws_secretsmanager_secret.generated : name => secret.name } == {
      SECRET_KEY = "dev-tasks/environment/SECRET_KEY"
      app        = "dev-tasks/environment/app"
    }
    error_message = "What is generated has a secret, beside those of the database's users."
  }

  assert {
    condition = length(distinct(values(local.password_offsets))) == 6 && alltrue([
      for version in aws_secretsmanager_secret_version.generated : version.secret_string_wo_version == 1
    ])
    error_message = "Each value is a part of its own of what is generated, and new values are asked for like passwords."
  }
}

run "url_of_the_database" {
  command = plan

  variables {
    database_name        = "taskdb"
    database_url_enabled = true
    secrets              = { SECRET_KEY = "generated" }
  }

  assert {
    condition = { for user, secret in aws_secretsmanager_secret.database_url : user => secret.name } == {
      app      = "dev-tasks/database/app-url"
      migrator = "dev-tasks/database/migrator-url"
    }
    error_message = "The application and its migrations have each the URL of their own user, and nobody else has one."
  }

  assert {
    condition = alltrue([
      for user in ["app", "migrator"] : toset(keys(local.environment_secrets[user])) == toset(["DATABASE_URL", "SECRET_KEY"])
    ])
    error_message = "The URL is beside the other secrets in the environment."
  }
}

run "rejects_a_url_without_a_database" {
  command = plan

  variables {
    database_url_enabled = true
  }

  expect_failures = [var.database_url_enabled]
}

run "rejects_a_scheme_that_is_none" {
  command = plan

  variables {
    database_name        = "taskdb"
    database_url_enabled = true
    database_url_scheme  = "mysql"
  }

  expect_failures = [var.database_url_scheme]
}

run "rejects_two_urls" {
  command = plan

  variables {
    database_name        = "taskdb"
    database_url_enabled = true
    secrets              = { DATABASE_URL = "generated" }
  }

  expect_failures = [var.secrets]
}

run "rejects_wrong_secrets" {
  command = plan

  variables {
    secrets = {
      "2ND"        = "generated"
      ELSEWHERE    = "arn:aws:secretsmanager:us-east-1:444455556666:secret:mail-AbCdEf"
      OF_A_VERSION = "arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf::AWSPREVIOUS:"
      PLAIN        = "hunter2"
    }
  }

  expect_failures = [var.secrets]
}

run "rejects_wrong_values" {
  command = plan

  variables {
    allocated_storage_gb               = 19
    archive_expiration_days            = 0
    backup_retention_days              = 0
    credentials_version                = 0
    database_name                      = "Task-DB"
    engine_version                     = "9.6"
    instance_class                     = "t3.micro"
    master_username                    = "pg_root"
    name                               = "Dev-Tasks"
    network_private_subnet_ids         = ["subnet-1"]
    network_vpc_id                     = "net-1"
    noncurrent_version_expiration_days = 0
    region                             = "virginia"
    secret_recovery_days               = 3
    tags                               = { Environment = "development" }
  }

  expect_failures = [
    var.allocated_storage_gb, var.archive_expiration_days, var.backup_retention_days, var.credentials_version,
    var.database_name, var.engine_version, var.instance_class, var.master_username, var.name,
    var.network_private_subnet_ids, var.network_vpc_id, var.noncurrent_version_expiration_days, var.region,
    var.secret_recovery_days, var.tags,
  ]
}

run "rejects_values_just_outside" {
  command = plan

  variables {
    allocated_storage_gb       = 65537
    backup_retention_days      = 36
    credentials_version        = 1.5
    database_name              = "a23456789012345678901234567890123456789012345678901234x"
    engine_version             = "13"
    master_username            = "rdsadmin"
    name                       = "dev-a-name-of-29-characters-x"
    network_private_subnet_ids = ["subnet-1", "subnet-1"]
    secret_recovery_days       = 31
    tags                       = { Environment = "development", Project = " " }
  }

  expect_failures = [
    var.allocated_storage_gb, var.backup_retention_days, var.credentials_version, var.database_name,
    var.engine_version, var.master_username, var.name, var.network_private_subnet_ids, var.secret_recovery_days,
    var.tags,
  ]
}

run "rejects_reserved_names_and_storage_that_hardly_grows" {
  command = plan

  variables {
    database_name            = "postgres"
    master_username          = "admin"
    max_allocated_storage_gb = 21
    name                     = "dev--tasks"
  }

  expect_failures = [var.database_name, var.master_username, var.max_allocated_storage_gb, var.name]
}
