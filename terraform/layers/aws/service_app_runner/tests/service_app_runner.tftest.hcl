mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { dns_suffix = "amazonaws.com" }
  }

  mock_resource "aws_apprunner_auto_scaling_configuration_version" {
    defaults = { arn = "arn:aws:apprunner:us-east-1:111122223333:autoscalingconfiguration/dev-hello/1/0123456789abcdef0123456789abcdef" }
  }

  mock_resource "aws_apprunner_service" {
    defaults = {
      arn         = "arn:aws:apprunner:us-east-1:111122223333:service/dev-hello/0123456789abcdef0123456789abcdef"
      service_id  = "0123456789abcdef0123456789abcdef"
      service_url = "abcdefghij.us-east-1.awsapprunner.com"
    }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/dev-hello" }
  }
}

variables {
  account_id              = "111122223333"
  image                   = "127.0.0.1:5000/dev-hello@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  name                    = "dev-hello"
  registry_repository_arn = "arn:aws:ecr:us-east-1:111122223333:repository/dev-hello"
  tags                    = { Environment = "development", Project = "hello" }
}

run "defaults" {
  command = apply

  assert {
    condition = (
      aws_apprunner_auto_scaling_configuration_version.this.min_size == 2
      && aws_apprunner_auto_scaling_configuration_version.this.max_size == 10
      && aws_apprunner_auto_scaling_configuration_version.this.max_concurrency == 80
    )
    error_message = "Scaling has the bounds that were given."
  }

  assert {
    condition = {
      for role in [aws_iam_role.access, aws_iam_role.instance] : role.name => one(jsondecode(role.assume_role_policy).Statement)
      } == {
      dev-hello-access   = { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "build.apprunner.amazonaws.com" } }
      dev-hello-instance = { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "tasks.apprunner.amazonaws.com" } }
    }
    error_message = "App Runner takes the roles, on no condition that it may not meet."
  }

  assert {
    condition = (
      aws_apprunner_service.this.source_configuration[0].image_repository[0].image_identifier
      == "111122223333.dkr.ecr.us-east-1.amazonaws.com/dev-hello@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    )
    error_message = "The image is named by its digest, at the registry's own name."
  }

  assert {
    condition     = aws_apprunner_service.this.source_configuration[0].auto_deployments_enabled == false
    error_message = "App Runner deploys nothing that was not applied."
  }

  assert {
    condition = (
      aws_apprunner_service.this.health_check_configuration[0].protocol == "TCP"
      && aws_apprunner_service.this.health_check_configuration[0].interval == 5
      && aws_apprunner_service.this.health_check_configuration[0].unhealthy_threshold == 5
    )
    error_message = "An instance is healthy when its port accepts a connection, and has 25 seconds until then."
  }

  assert {
    condition = (
      aws_apprunner_service.this.instance_configuration[0].cpu == "256"
      && aws_apprunner_service.this.instance_configuration[0].memory == "512"
      && aws_apprunner_service.this.source_configuration[0].image_repository[0].image_configuration[0].port == "8000"
    )
    error_message = "Instances have the size and the port that were given."
  }

  assert {
    condition = (
      aws_apprunner_service.this.source_configuration[0].image_repository[0].image_configuration[0].runtime_environment_variables
      == tomap({
        AWS_DEFAULT_REGION = "us-east-1"
        AWS_REGION         = "us-east-1"
        IMAGE_DIGEST       = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      })
    )
    error_message = "The application is told its region and its image."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.access.policy).Statement : statement.Resource if statement.Sid == "PullImage"
    ] == [["arn:aws:ecr:us-east-1:111122223333:repository/dev-hello"]]
    error_message = "The access role pulls from its repository alone."
  }

  assert {
    condition = (
      output.app_url == "https://abcdefghij.us-east-1.awsapprunner.com"
      && output.image == var.image
      && output.log_group_name == "/aws/apprunner/dev-hello/0123456789abcdef0123456789abcdef/application"
    )
    error_message = "The outputs say what runs, and where."
  }
}

run "almost_everything_changed" {
  command = plan

  variables {
    container_port          = 5000
    cpu_units               = 1024
    environment_variables   = { APP_NAME = "hello", AWS_REGION = "elsewhere" }
    health_check_path       = "/"
    max_concurrent_requests = 10
    max_count               = 25
    memory_mib              = 4096
    min_count               = 3
    start_period_seconds    = 120
  }

  assert {
    condition = (
      aws_apprunner_auto_scaling_configuration_version.this.min_size == 3
      && aws_apprunner_auto_scaling_configuration_version.this.max_size == 25
      && aws_apprunner_auto_scaling_configuration_version.this.max_concurrency == 10
      && aws_apprunner_service.this.instance_configuration[0].memory == "4096"
      && aws_apprunner_service.this.health_check_configuration[0].protocol == "HTTP"
      && aws_apprunner_service.this.health_check_configuration[0].path == "/"
      && aws_apprunner_service.this.health_check_configuration[0].interval == 6
      && aws_apprunner_service.this.health_check_configuration[0].unhealthy_threshold == 20
    )
    error_message = "What is given is what is built."
  }

  assert {
    condition     = aws_apprunner_service.this.source_configuration[0].image_repository[0].image_configuration[0].runtime_environment_variables["AWS_REGION"] == "us-east-1"
    error_message = "What the layer sets overrides what is given."
  }
}

run "wrong_sizes" {
  command = plan

  variables {
    container_port = 80
    cpu_units      = 512
    max_count      = 26
    memory_mib     = 512
    name           = "a-b"
  }

  expect_failures = [
    var.container_port,
    var.max_count,
    var.memory_mib,
    var.name,
  ]
}

run "wrong_bounds" {
  command = plan

  variables {
    cpu_units            = 300
    min_count            = 0
    start_period_seconds = 401
  }

  expect_failures = [var.cpu_units, var.min_count, var.start_period_seconds]
}

run "reserved_name" {
  command = plan

  variables {
    environment_variables = { AWSAPPRUNNER_X = "1" }
  }

  expect_failures = [var.environment_variables]
}

run "wrong_texts" {
  command = plan

  variables {
    environment_variables   = { DATABASE_PASSWORD = "x" }
    health_check_path       = "healthz"
    image                   = "dev-hello:latest"
    max_concurrent_requests = 201
    region                  = "Virginia"
    registry_repository_arn = "dev-hello"
    tags                    = { Environment = "development" }
  }

  expect_failures = [
    var.environment_variables,
    var.health_check_path,
    var.image,
    var.max_concurrent_requests,
    var.region,
    var.registry_repository_arn,
    var.tags,
  ]
}
