run "everything_allowed" {
  command = plan

  variables {
    bucket_arn = "arn:aws:s3:::dev-tasks-111122223333"
    readable_secret_arns = [
      "arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf",
      "arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-tasks/database/app-AbCdEf",
      "arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf",
    ]
    registry_repository_arn = "arn:aws:ecr:us-east-1:111122223333:repository/dev-tasks"
  }

  assert {
    condition = jsonencode(output.application_statements) == jsonencode([
      {
        Sid      = "UseObjects"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        Resource = ["arn:aws:s3:::dev-tasks-111122223333/*"]
      },
      {
        Sid      = "ListBucket"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = ["arn:aws:s3:::dev-tasks-111122223333"]
      },
      {
        Sid    = "ReadSecrets"
        Effect = "Allow"
        Action = ["secretsmanager:GetSecretValue"]
        Resource = [
          "arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-tasks/database/app-AbCdEf",
          "arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf",
        ]
      },
    ])
    error_message = "The application has its bucket and its secrets, each once."
  }

  assert {
    condition = {
      for statement in output.pull_statements : statement.Sid => statement.Resource
      } == {
      LogInToRegistry = ["*"]
      PullImage       = ["arn:aws:ecr:us-east-1:111122223333:repository/dev-tasks"]
    }
    error_message = "The image is pulled from its own repository."
  }
}

run "nothing_allowed" {
  command = plan

  assert {
    condition     = length(output.application_statements) == 0 && length(output.pull_statements) == 0
    error_message = "Without bucket, secrets and registry there is no statement."
  }
}

run "rejects_wildcards" {
  command = plan

  variables {
    bucket_arn              = "arn:aws:s3:::*"
    readable_secret_arns    = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-tasks/*"]
    registry_repository_arn = "arn:aws:ecr:us-east-1:111122223333:repository/*"
  }

  expect_failures = [var.bucket_arn, var.readable_secret_arns, var.registry_repository_arn]
}
