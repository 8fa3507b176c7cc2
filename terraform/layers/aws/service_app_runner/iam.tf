# What App Runner itself may do to start an instance. Its trust, as that of the instance role, has no condition on
# aws:SourceAccount: no page of AWS says that App Runner sends it, and "How App Runner works with IAM" has none.
resource "aws_iam_role" "access" {
  name                 = "${var.name}-access"
  description          = "Lets App Runner pull the image of ${var.name}."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "build.apprunner.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "access" {
  name = "pull-image"
  role = aws_iam_role.access.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "LogInToRegistry"
        Effect = "Allow"
        Action = ["ecr:GetAuthorizationToken"]
        # AWS defines no resource for this action: the token is for the account's registry as a whole.
        Resource = ["*"]
      },
      {
        Sid    = "PullImage"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability",
          "ecr:BatchGetImage",
          "ecr:DescribeImages",
          "ecr:GetDownloadUrlForLayer",
        ]
        Resource = [var.registry_repository_arn]
      },
    ]
  })
}

locals {
  bucket_statements = var.data_bucket_arn == null ? [] : [
    {
      Sid      = "UseObjects"
      Effect   = "Allow"
      Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      Resource = ["${var.data_bucket_arn}/*"]
    },
    {
      # Also what makes S3 answer 404 instead of 403 for an object that is not there.
      Sid      = "ListBucket"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [var.data_bucket_arn]
    },
  ]

  # Those that the application reads, and those that App Runner reads for its environment, by the same role ("Referencing
  # environment variables" in the App Runner Developer Guide).
  secret_arns = distinct(concat(var.readable_secret_arns, var.data_environment_secret_arns))
  secret_statements = length(local.secret_arns) == 0 ? [] : [{
    Sid      = "ReadSecrets"
    Effect   = "Allow"
    Action   = ["secretsmanager:GetSecretValue"]
    Resource = sort(local.secret_arns)
  }]

  instance_statements = concat(local.bucket_statements, local.secret_statements)
}

# What the application may do: without the layer data nothing, until somebody grants it something.
resource "aws_iam_role" "instance" {
  name                 = "${var.name}-instance"
  description          = "What the application in instances of ${var.name} may do."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "tasks.apprunner.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "instance" {
  count = length(local.instance_statements) > 0 ? 1 : 0

  name = "application"
  role = aws_iam_role.instance.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.instance_statements
  })
}
