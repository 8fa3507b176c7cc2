mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  account_id   = "111122223333"
  name         = "staging-bootstrap"
  state_bucket = "slipway-staging-state-111122223333"
  tags         = { Environment = "staging", Project = "slipway" }
}

run "defaults" {
  command = plan

  assert {
    condition     = { for key, role in aws_iam_role.this : key => "${role.path}${role.name}" } == { deploy = "/slipway/staging-deployer", plan = "/slipway/staging-planner" }
    error_message = "One role deploys and one plans, both outside of what a deployment names."
  }

  assert {
    condition     = { for key, role in aws_iam_role.this : key => role.max_session_duration } == { deploy = 7200, plan = 3600 }
    error_message = "A deployment may take longer than an hour."
  }

  assert {
    condition = alltrue([
      for role in aws_iam_role.this :
      [for statement in jsondecode(role.assume_role_policy).Statement : statement.Principal] == [{ AWS = ["arn:aws:iam::111122223333:root"] }]
    ])
    error_message = "Without further inputs, whoever of the account has the permission takes the roles."
  }

  assert {
    condition     = aws_iam_policy.boundary.name == "staging-boundary" && length(aws_budgets_budget.this) == 0
    error_message = "There is a boundary, and no budget without somebody to tell."
  }
}

run "github_people_and_a_budget" {
  command = plan

  variables {
    budget_email_addresses = ["operations@example.org"]
    bucket_names           = ["files-of-the-team"]
    budget_monthly_usd     = 250
    github_repository      = "example/shop"
    listener_arns          = ["arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/shared/0a/0b"]
    secret_arns            = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf"]
    trusted_principal_arns = ["arn:aws:iam::111122223333:role/operations"]
  }

  assert {
    condition = jsondecode(aws_iam_role.this["deploy"].assume_role_policy).Statement[1].Condition.StringEquals == {
      "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
      "token.actions.githubusercontent.com:sub" = ["repo:example/shop:environment:staging"]
    }
    error_message = "GitHub's jobs deploy from the GitHub environment of that name only."
  }

  assert {
    condition = jsondecode(aws_iam_role.this["plan"].assume_role_policy).Statement[1].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == [
      "repo:example/shop:pull_request", "repo:example/shop:ref:refs/heads/main"
    ]
    error_message = "Pull requests and the main branch are planned, and no other branch."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.listeners[0].policy).Statement : statement.Resource] == [
      ["arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/shared/0a/0b"],
      ["arn:aws:elasticloadbalancing:us-east-1:111122223333:listener-rule/app/shared/0a/0b/*"],
    ]
    error_message = "The deployer makes rules of the listeners that are named, and changes no other of theirs."
  }

  assert {
    condition     = jsondecode(aws_iam_role.this["deploy"].assume_role_policy).Statement[0].Principal.AWS == ["arn:aws:iam::111122223333:role/operations"]
    error_message = "Only the people that are named take the role."
  }

  assert {
    condition = (
      [for statement in jsondecode(aws_iam_policy.boundary.policy).Statement : statement.Resource if statement.Sid == "SecretsOfOthers"]
      == [["arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf"]]
      && alltrue([
        for role in ["deploy", "plan"] : jsondecode(aws_iam_role_policy.secrets[role].policy).Statement == [{
          Effect   = "Allow"
          Action   = ["secretsmanager:DescribeSecret"]
          Resource = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf"]
        }]
      ])
    )
    error_message = "Applications may read the secrets that are named, and who deploys sees that they are there."
  }

  assert {
    condition = (
      [for statement in jsondecode(aws_iam_policy.boundary.policy).Statement : statement.Resource if statement.Sid == "BucketsOfOthers"]
      == [["arn:aws:s3:::files-of-the-team", "arn:aws:s3:::files-of-the-team/*"]]
      && alltrue([
        for role in ["deploy", "plan"] : jsondecode(aws_iam_role_policy.buckets[role].policy).Statement == [{
          Effect   = "Allow"
          Action   = ["s3:ListBucket"]
          Resource = ["arn:aws:s3:::files-of-the-team"]
        }]
      ])
    )
    error_message = "Applications may use the buckets that are named, and who deploys sees that they are there."
  }

  assert {
    condition     = aws_budgets_budget.this[0].limit_amount == "250.0" && length(aws_budgets_budget.this[0].notification) == 2
    error_message = "The budget tells twice."
  }
}

run "rejects_wrong_values" {
  command = plan

  variables {
    account_id             = "1111"
    bucket_names           = ["*"]
    budget_email_addresses = ["operations"]
    github_repository      = "shop"
    name                   = "staging"
    region                 = "europe"
    listener_arns          = ["arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/*"]
    secret_arns            = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:*"]
    tags                   = {}
    trusted_principal_arns = ["arn:aws:iam::111122223333:role/*"]
  }

  expect_failures = [
    var.account_id,
    var.bucket_names,
    var.budget_email_addresses,
    var.github_repository,
    var.listener_arns,
    var.name,
    var.region,
    var.secret_arns,
    var.tags,
    var.trusted_principal_arns,
  ]
}

run "rejects_a_budget_of_nothing" {
  command = plan

  variables {
    budget_email_addresses = ["operations@example.org"]
  }

  expect_failures = [var.budget_monthly_usd]
}

run "rejects_a_budget_below_a_dollar" {
  command = plan

  variables {
    budget_monthly_usd = 0
  }

  expect_failures = [var.budget_monthly_usd]
}
