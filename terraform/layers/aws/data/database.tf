resource "aws_db_subnet_group" "this" {
  count = local.instance_made ? 1 : 0

  name        = var.name
  description = "Private subnets of the database ${var.name}"
  subnet_ids  = var.network_private_subnet_ids
}

resource "aws_db_parameter_group" "this" {
  count = local.instance_made ? 1 : 0

  # The major version is in the name because a group cannot change its family, and cannot go while it is in use.
  name        = "${var.name}-postgres${split(".", var.engine_version)[0]}"
  family      = "postgres${split(".", var.engine_version)[0]}"
  description = "Settings of the database ${var.name}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  lifecycle {
    create_before_destroy = true
  }
}

# RDS would make these groups itself, and keep their entries for ever.
resource "aws_cloudwatch_log_group" "database" {
  for_each = toset(local.exported_logs)

  name              = "/aws/rds/instance/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
}

moved {
  from = aws_cloudwatch_log_group.database[0]
  to   = aws_cloudwatch_log_group.database["postgresql"]
}

data "aws_partition" "current" {}

resource "aws_iam_role" "enhanced_monitoring" {
  count = local.enhanced_monitoring_enabled ? 1 : 0

  name        = "${var.name}-database-monitoring"
  description = "Lets RDS write the enhanced monitoring of the database ${var.name}."

  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
      # Keeps RDS from being used by another account to take the role (the confused deputy).
      Condition = {
        ArnLike      = { "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:rds:${var.region}:${var.account_id}:db:${var.name}" }
        StringEquals = { "aws:SourceAccount" = var.account_id }
      }
    }]
  })
}

# AWS's own policy: RDS looks for what it grants, and the log group is the account's, not ours.
resource "aws_iam_role_policy_attachment" "enhanced_monitoring" {
  count = local.enhanced_monitoring_enabled ? 1 : 0

  role       = aws_iam_role.enhanced_monitoring[0].name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_118:off by default, because it costs; inventories/prod has it on
  #checkov:skip=CKV_AWS_129:off by default, because it costs; inventories/prod has it on
  #checkov:skip=CKV_AWS_161:IAM tokens do not fit a pool of connections (docs/topics/database-secrets.md)
  #checkov:skip=CKV_AWS_353:off by default, because not every class has it; inventories/prod has it on
  count = local.instance_made ? 1 : 0

  identifier     = var.name
  db_name        = var.database_name
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.instance_class

  username    = var.master_username
  password_wo = jsondecode(ephemeral.aws_secretsmanager_secret_version.database["master"].secret_string)["password"]
  # A number made of the version's id, so that every version ever written reaches the database, whatever led to it.
  password_wo_version = parseint(substr(local.master_version, 0, 12), 16)

  allocated_storage     = var.allocated_storage_gb
  max_allocated_storage = var.max_allocated_storage_gb
  storage_encrypted     = true
  storage_type          = "gp3"

  db_subnet_group_name   = aws_db_subnet_group.this[0].name
  multi_az               = var.multi_az
  parameter_group_name   = aws_db_parameter_group.this[0].name
  port                   = local.database_port
  publicly_accessible    = false
  vpc_security_group_ids = [aws_security_group.database[0].id]

  # A change of engine_version to another major version is made on purpose, by one number; minor versions come by
  # themselves and show no difference as long as engine_version names only the major one.
  allow_major_version_upgrade = true
  auto_minor_version_upgrade  = true
  # What a plan shows is what the run does. Otherwise a change waits for the maintenance window, and every plan
  # until then shows it again.
  apply_immediately = true

  backup_retention_period = var.backup_retention_days
  copy_tags_to_snapshot   = true
  deletion_protection     = var.deletion_protection
  # RDS refuses to delete a database whose last snapshot would have the name of one that exists: that of the database
  # before it, which was destroyed, too.
  final_snapshot_identifier = var.final_snapshot_enabled ? "${var.name}-final-${substr(local.master_version, 0, 8)}" : null
  skip_final_snapshot       = !var.final_snapshot_enabled

  enabled_cloudwatch_logs_exports       = local.exported_logs
  monitoring_interval                   = var.enhanced_monitoring_interval_seconds
  monitoring_role_arn                   = one(aws_iam_role.enhanced_monitoring[*].arn)
  performance_insights_enabled          = var.performance_insights_enabled
  performance_insights_retention_period = var.performance_insights_enabled ? 7 : null

  depends_on = [aws_cloudwatch_log_group.database, aws_iam_role_policy_attachment.enhanced_monitoring]
}

# An instance that somebody else keeps is read, and nothing more; its security group gets a rule for this app.
data "aws_db_instance" "existing" {
  count = local.instance_existing ? 1 : 0

  db_instance_identifier = var.database_instance_identifier

  lifecycle {
    postcondition {
      condition     = self.engine == "postgres"
      error_message = "database_instance_identifier is \"${var.database_instance_identifier}\", an instance of ${self.engine}; it must be one of RDS for PostgreSQL."
    }
  }
}

data "aws_security_group" "existing" {
  count = local.instance_existing ? 1 : 0

  id = sort(data.aws_db_instance.existing[0].vpc_security_groups)[0]

  lifecycle {
    postcondition {
      condition     = self.vpc_id == var.network_vpc_id
      error_message = "database_instance_identifier is \"${var.database_instance_identifier}\", an instance in ${self.vpc_id}; it must be one in ${var.network_vpc_id}, the VPC of the app's network."
    }
  }
}

locals {
  # What reaches the database, whoever keeps its instance.
  instance = one(concat(
    [for one in aws_db_instance.this : {
      address           = one.address
      identifier        = one.identifier
      port              = one.port
      resource_id       = one.resource_id
      security_group_id = aws_security_group.database[0].id
    }],
    [for one in data.aws_db_instance.existing : {
      address           = one.address
      identifier        = one.db_instance_identifier
      port              = one.port
      resource_id       = one.resource_id
      security_group_id = data.aws_security_group.existing[0].id
    }],
  ))
}
