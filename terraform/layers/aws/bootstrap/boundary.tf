# The most that an application's role may do, whatever its own policies say. The deployer makes no role without it, and
# has no permission on it.
resource "aws_iam_policy" "boundary" {
  name        = "${local.environment}-boundary"
  path        = local.path
  description = "The most that roles of the environment ${local.environment} may do."
  policy      = jsonencode(jsondecode(templatefile("${path.module}/boundary.json.tftpl", local.policy_variables)))
}
