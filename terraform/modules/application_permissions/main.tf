locals {
  bucket_statements = var.bucket_arn == null ? [] : [
    {
      Sid      = "UseObjects"
      Effect   = "Allow"
      Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      Resource = ["${var.bucket_arn}/*"]
    },
    {
      # Also what makes S3 answer 404 instead of 403 for an object that is not there.
      Sid      = "ListBucket"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [var.bucket_arn]
    },
  ]

  secret_statements = length(var.readable_secret_arns) == 0 ? [] : [{
    Sid      = "ReadSecrets"
    Effect   = "Allow"
    Action   = ["secretsmanager:GetSecretValue"]
    Resource = sort(distinct(var.readable_secret_arns))
  }]

  pull_statements = var.registry_repository_arn == null ? [] : [
    {
      Sid    = "LogInToRegistry"
      Effect = "Allow"
      Action = ["ecr:GetAuthorizationToken"]
      # AWS defines no resource for this action: the token is for the account's registry as a whole.
      Resource = ["*"]
    },
    {
      Sid      = "PullImage"
      Effect   = "Allow"
      Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      Resource = [var.registry_repository_arn]
    },
  ]
}
