# aws, or aws-us-gov and aws-cn for the regions of the US government and of China.
data "aws_partition" "current" {}

module "permissions" {
  source = "../application_permissions"

  bucket_arn              = var.bucket_arn
  readable_secret_arns    = var.readable_secret_arns
  registry_repository_arn = var.registry_repository_arn
}

locals {
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      # Keeps ECS from being used by another account to take these roles (the confused deputy). AWS knows no
      # narrower source here than all of ECS in a region.
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:ecs:${var.region}:${var.account_id}:*" }
      }
    }]
  })

  # "IAM permissions required for Amazon CloudWatch Logs or Amazon S3 Logging" of ECS Exec (Amazon ECS Developer Guide).
  session_log_statements = [for group in var.execute_command_enabled ? [aws_cloudwatch_log_group.sessions] : [] : {
    Sid      = "LogSessions"
    Effect   = "Allow"
    Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    Resource = ["${group.arn}:*"]
  }]

  execute_command_statements = var.execute_command_enabled ? [{
    Sid    = "ExecuteCommand"
    Effect = "Allow"
    Action = [
      "logs:DescribeLogGroups",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    # The agent lists all log groups, and AWS defines no resource for the other four actions.
    Resource = ["*"]
  }] : []

  # ECS reads what a container has in its environment, before it starts it.
  environment_statements = length(var.environment_secret_arns) == 0 ? [] : [{
    Sid      = "ReadEnvironment"
    Effect   = "Allow"
    Action   = ["secretsmanager:GetSecretValue"]
    Resource = sort(var.environment_secret_arns)
  }]

  task_statements = concat(
    module.permissions.application_statements, local.execute_command_statements, local.session_log_statements
  )
}

# What ECS itself may do to start a task.
resource "aws_iam_role" "execution" {
  name                 = "${replace(var.name, "/", "-")}-execution"
  description          = "Lets ECS start tasks of ${var.name}: pull the image and write the log."
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy   = local.assume_role_policy
}

resource "aws_iam_role_policy" "execution" {
  name = "start-task"
  role = aws_iam_role.execution.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(module.permissions.pull_statements, local.environment_statements, [{
      Sid      = "WriteLog"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${aws_cloudwatch_log_group.this.arn}:log-stream:*"]
    }])
  })
}

# What the application in a task may do.
resource "aws_iam_role" "task" {
  name                 = "${replace(var.name, "/", "-")}-task"
  description          = "What the application in tasks of ${var.name} may do."
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy   = local.assume_role_policy
}

resource "aws_iam_role_policy" "task" {
  count = length(local.task_statements) > 0 ? 1 : 0

  name = "application"
  role = aws_iam_role.task.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.task_statements
  })
}
