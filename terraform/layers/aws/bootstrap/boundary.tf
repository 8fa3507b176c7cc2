locals {
  boundary = jsondecode(templatefile("${path.module}/boundary.json.tftpl", local.policy_variables))

  bucket_arns = [for name in sort(var.bucket_names) : "arn:${data.aws_partition.current.partition}:s3:::${name}"]

  # What else applications use; their own policies say who of them has which bucket.
  bucket_statements = length(var.bucket_names) == 0 ? [] : [{
    Sid      = "BucketsOfOthers"
    Effect   = "Allow"
    Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
    Resource = flatten([for arn in local.bucket_arns : [arn, "${arn}/*"]])
  }]

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
  policy      = jsonencode(merge(local.boundary, { Statement = concat(local.boundary.Statement, local.bucket_statements, local.secret_statements) }))
}
