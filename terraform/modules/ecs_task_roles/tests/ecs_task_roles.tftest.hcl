mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:dev-tasks/service" }
  }
}

variables {
  account_id = "111122223333"
  name       = "dev-tasks/service"
  region     = "us-east-1"
}

run "everything_allowed" {
  variables {
    bucket_arn              = "arn:aws:s3:::dev-tasks-111122223333"
    environment_secret_arns = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf"]
    execute_command_enabled = true
    readable_secret_arns    = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-tasks/database/app-AbCdEf"]
    registry_repository_arn = "arn:aws:ecr:us-east-1:111122223333:repository/dev-tasks"
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "dev-tasks/service" && aws_cloudwatch_log_group.this.retention_in_days == 7
    error_message = "The log is kept for 7 days."
  }

  assert {
    condition = (
      output.session_log_group_name == "dev-tasks/service/sessions"
      && aws_cloudwatch_log_group.sessions.retention_in_days == 7
    )
    error_message = "Sessions have a log of their own."
  }

  assert {
    condition     = aws_iam_role.execution.name == "dev-tasks-service-execution" && aws_iam_role.task.name == "dev-tasks-service-task"
    error_message = "Roles are named after the app."
  }

  assert {
    condition = alltrue([
      for role in [aws_iam_role.execution, aws_iam_role.task] : jsondecode(role.assume_role_policy).Statement == [{
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { Service = "ecs-tasks.amazonaws.com" }
        Condition = {
          ArnLike      = { "aws:SourceArn" = "arn:aws:ecs:us-east-1:111122223333:*" }
          StringEquals = { "aws:SourceAccount" = "111122223333" }
        }
      }]
    ])
    error_message = "Only ECS takes the roles, and only for this account and region."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Sid => statement.Resource
      } == {
      LogInToRegistry = ["*"]
      PullImage       = ["arn:aws:ecr:us-east-1:111122223333:repository/dev-tasks"]
      ReadEnvironment = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf"]
      WriteLog        = ["arn:aws:logs:us-east-1:111122223333:log-group:dev-tasks/service:log-stream:*"]
    }
    error_message = "The execution role pulls from its repository, reads the environment's secrets and writes to its log group."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.task[0].policy).Statement : statement.Sid => statement.Resource
      } == {
      ExecuteCommand = ["*"]
      LogSessions    = ["arn:aws:logs:us-east-1:111122223333:log-group:dev-tasks/service:*"]
      ListBucket     = ["arn:aws:s3:::dev-tasks-111122223333"]
      ReadSecrets    = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-tasks/database/app-AbCdEf"]
      UseObjects     = ["arn:aws:s3:::dev-tasks-111122223333/*"]
    }
    error_message = "The task role has its bucket and its secrets."
  }

  assert {
    condition = alltrue([
      for statement in concat(
        jsondecode(aws_iam_role_policy.execution.policy).Statement,
        jsondecode(aws_iam_role_policy.task[0].policy).Statement,
      ) :
      statement.Resource != ["*"] || alltrue([
        for action in statement.Action :
        contains(["ecr:GetAuthorizationToken", "logs:DescribeLogGroups"], action) || startswith(action, "ssmmessages:")
      ])
    ])
    error_message = "Only actions without a resource, and the list of log groups, are allowed on every resource."
  }
}

run "in_the_regions_of_china" {
  variables {
    bucket_arn              = "arn:aws-cn:s3:::dev-tasks-111122223333"
    readable_secret_arns    = ["arn:aws-cn:secretsmanager:cn-north-1:111122223333:secret:dev-tasks/database/app-AbCdEf"]
    region                  = "cn-north-1"
    registry_repository_arn = "arn:aws-cn:ecr:cn-north-1:111122223333:repository/dev-tasks"
  }

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-cn" }
  }

  assert {
    condition = (
      jsondecode(aws_iam_role.task.assume_role_policy).Statement[0].Condition.ArnLike["aws:SourceArn"]
      == "arn:aws-cn:ecs:cn-north-1:111122223333:*"
    )
    error_message = "ARNs have the partition of the region."
  }
}

run "nothing_allowed" {
  variables {
    log_retention_days = 30
  }

  assert {
    condition = (
      length(aws_iam_role_policy.task) == 0
      && [for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Sid] == ["WriteLog"]
      && aws_cloudwatch_log_group.this.retention_in_days == 30
    )
    error_message = "Without bucket, secrets, registry and sessions there is nothing but the log."
  }
}

run "rejects_wildcards_and_wrong_values" {
  command = plan

  variables {
    account_id              = "1111"
    bucket_arn              = "arn:aws:s3:::*"
    environment_secret_arns = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf:password::"]
    name                    = "dev-tasks/a-part-whose-role-would-have-65-characters-xxxxxxx"
    readable_secret_arns    = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-tasks/*"]
    registry_repository_arn = "arn:aws:ecr:us-east-1:111122223333:repository/*"
  }

  expect_failures = [
    var.account_id, var.bucket_arn, var.environment_secret_arns, var.name, var.readable_secret_arns,
    var.registry_repository_arn,
  ]
}
