locals {
  boundary = jsondecode(templatefile("${path.module}/boundary.json.tftpl", local.policy_variables))

  # What else applications read; who deploys may say of none that it is one of them.
  secret_statements = length(var.secret_arns) == 0 ? [] : [{
    Sid      = "SecretsOfOthers"
    Effect   = "Allow"
    Action   = ["secretsmanager:GetSecretValue"]
    Resource = sort(var.secret_arns)
  }]
}

# The most that an application's role may do, whatever its own policies say. The deployer makes no role without it, and
# has no permission on it.
resource "aws_iam_policy" "boundary" {
  name        = "${local.environment}-boundary"
  path        = local.path
  description = "The most that roles of the environment ${local.environment} may do."
  policy      = jsonencode(merge(local.boundary, { Statement = concat(local.boundary.Statement, local.secret_statements) }))
}
