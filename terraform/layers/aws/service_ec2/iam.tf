# aws, or aws-us-gov and aws-cn for the regions of the US government and of China.
data "aws_partition" "current" {}

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

  # Those that the application reads, and those that the instance reads for its environment.
  secret_arns = distinct(concat(var.readable_secret_arns, var.data_environment_secret_arns))
  secret_statements = length(local.secret_arns) == 0 ? [] : [{
    Sid      = "ReadSecrets"
    Effect   = "Allow"
    Action   = ["secretsmanager:GetSecretValue"]
    Resource = sort(local.secret_arns)
  }]

  # An instance of a process says whether its command runs.
  lifecycle_statements = length(var.processes) == 0 ? [] : [{
    Sid    = "AnswerGroup"
    Effect = "Allow"
    Action = ["autoscaling:CompleteLifecycleAction"]
    Resource = [
      for name in sort(keys(var.processes)) :
      "arn:${data.aws_partition.current.partition}:autoscaling:${var.region}:${var.account_id}:autoScalingGroup:*:autoScalingGroupName/${var.name}_${name}"
    ]
  }]

  # What Session Manager and Run Command need of the agent, and nothing else of AmazonSSMManagedInstanceCore, which
  # also reads every parameter of the account.
  systems_manager_statement = {
    Sid    = "SystemsManager"
    Effect = "Allow"
    Action = [
      "ec2messages:AcknowledgeMessage",
      "ec2messages:DeleteMessage",
      "ec2messages:FailMessage",
      "ec2messages:GetEndpoint",
      "ec2messages:GetMessages",
      "ec2messages:SendReply",
      "ssm:UpdateInstanceInformation",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    # AWS defines no resource for the messages, and the instance does not exist yet.
    Resource = ["*"]
  }
}

# One role for the instance and the application on it: containers of an instance take its role. What that gives away, and
# why it is accepted: docs/topics/security-controls.md.
resource "aws_iam_role" "this" {
  name                 = "${var.name}-instance"
  description          = "What instances of ${var.name} and the application on them may do."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "application"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.bucket_statements, local.lifecycle_statements, local.pull_statements, local.secret_statements, [
      local.systems_manager_statement,
      {
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:log-stream:*"]
      },
    ])
  })
}

resource "aws_iam_instance_profile" "this" {
  name = aws_iam_role.this.name
  role = aws_iam_role.this.name

  # An instance that boots before its permissions cannot pull its image.
  depends_on = [aws_iam_role_policy.this]
}
