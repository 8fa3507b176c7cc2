# What the one-off task that sets the database's users and grants may do: read their passwords. It runs on the cluster of
# the migrations, starts by their execution role and writes to their log group.
resource "aws_iam_role" "database_access" {
  count = local.database_enabled ? 1 : 0

  name               = "${var.name}-database-access-task"
  description        = "What the task that sets users and grants of the database of ${var.name} may do."
  assume_role_policy = module.migration_roles[0].assume_role_policy

  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "database_access" {
  count = local.database_enabled ? 1 : 0

  name = "read-secrets"
  role = aws_iam_role.database_access[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "ReadSecrets"
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = sort(distinct(concat([local.master_secret_arn], values(aws_secretsmanager_secret.database)[*].arn)))
    }]
  })
}
