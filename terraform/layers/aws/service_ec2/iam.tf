# aws, or aws-us-gov and aws-cn for the regions of the US government and of China.
data "aws_partition" "current" {}

module "permissions" {
  source = "../../../modules/application_permissions"

  bucket_arn = var.data_bucket_arn
  # Those that the application reads, and those that the instance reads for its environment.
  readable_secret_arns    = concat(var.readable_secret_arns, var.data_environment_secret_arns)
  registry_repository_arn = var.registry_repository_arn
}

locals {
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
    Statement = concat(module.permissions.application_statements, module.permissions.pull_statements, local.lifecycle_statements, [
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
