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

module "permissions" {
  source = "../../../modules/application_permissions"

  bucket_arn = var.data_bucket_arn
  # Those that the application reads, and those that App Runner reads for its environment, by the same role ("Referencing
  # environment variables" in the App Runner Developer Guide).
  readable_secret_arns = concat(var.readable_secret_arns, var.data_environment_secret_arns)
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
  count = length(module.permissions.application_statements) > 0 ? 1 : 0

  name = "application"
  role = aws_iam_role.instance.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = module.permissions.application_statements
  })
}
