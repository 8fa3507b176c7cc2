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

  mock_resource "aws_apprunner_vpc_connector" {
    defaults = { arn = "arn:aws:apprunner:us-east-1:111122223333:vpcconnector/dev-hello-01234567/1/0123456789abcdef0123456789abcdef" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/dev-hello" }
  }

  mock_resource "aws_security_group" {
    defaults = { id = "sg-0123456789abcdef0" }
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

  assert {
    condition = (
      length(aws_apprunner_vpc_connector.this) == 0
      && length(aws_security_group.connector) == 0
      && length(aws_iam_role_policy.instance) == 0
      && aws_apprunner_service.this.source_configuration[0].image_repository[0].image_configuration[0].runtime_environment_secrets == null
    )
    error_message = "An application without the layer data has no way into a VPC, no secrets and no permissions."
  }
}

run "with_data" {
  command = apply

  variables {
    data_app_security_group_id       = "sg-0fedcba9876543210"
    data_bucket_arn                  = "arn:aws:s3:::dev-hello-111122223333"
    data_environment_secret_arns     = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:shop-AbCdEf", "arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-hello/database/app-url-AbCdEf"]
    data_environment_secret_versions = "first"
    data_environment_secrets = {
      DATABASE_URL = "arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-hello/database/app-url-AbCdEf"
      SHOP_KEY     = "arn:aws:secretsmanager:us-east-1:111122223333:secret:shop-AbCdEf:key::"
    }
    network_private_subnet_ids = ["subnet-b", "subnet-a"]
    network_vpc_id             = "vpc-1"
    readable_secret_arns       = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-hello/database/app-AbCdEf"]
  }

  assert {
    condition = (
      aws_apprunner_vpc_connector.this[0].subnets == toset(["subnet-a", "subnet-b"])
      && aws_apprunner_vpc_connector.this[0].security_groups == toset(["sg-0123456789abcdef0", "sg-0fedcba9876543210"])
      && aws_apprunner_vpc_connector.this[0].vpc_connector_name == "dev-hello-${substr(sha256("subnet-a,subnet-b"), 0, 8)}"
    )
    error_message = "The connector is in the private subnets, with the group that may reach the database, and a name and a group for these subnets."
  }

  assert {
    condition = (
      aws_security_group.connector[0].name == aws_apprunner_vpc_connector.this[0].vpc_connector_name
      && aws_security_group.connector[0].vpc_id == "vpc-1"
    )
    error_message = "The connector's own group is in the VPC."
  }

  assert {
    condition = (
      aws_apprunner_service.this.network_configuration[0].egress_configuration[0].egress_type == "VPC"
      && aws_apprunner_service.this.network_configuration[0].egress_configuration[0].vpc_connector_arn == aws_apprunner_vpc_connector.this[0].arn
    )
    error_message = "What instances connect to goes through the connector."
  }

  assert {
    condition = (
      aws_apprunner_service.this.source_configuration[0].image_repository[0].image_configuration[0].runtime_environment_secrets
      == tomap(var.data_environment_secrets)
      && aws_apprunner_service.this.source_configuration[0].image_repository[0].image_configuration[0].runtime_environment_variables["SECRET_VERSIONS"] == "first"
    )
    error_message = "Secrets are named, and another version of one is another deployment."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.instance[0].policy).Statement : statement.Sid => [statement.Action, statement.Resource]
      } == {
      UseObjects = [["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"], ["arn:aws:s3:::dev-hello-111122223333/*"]]
      ListBucket = [["s3:ListBucket"], ["arn:aws:s3:::dev-hello-111122223333"]]
      ReadSecrets = [["secretsmanager:GetSecretValue"], [
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-hello/database/app-AbCdEf",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-hello/database/app-url-AbCdEf",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:shop-AbCdEf",
      ]]
    }
    error_message = "The instance role reads these secrets and uses this bucket, and nothing else."
  }
}

run "other_subnets_have_another_connector" {
  command = plan

  variables {
    data_app_security_group_id = "sg-0fedcba9876543210"
    network_private_subnet_ids = ["subnet-a", "subnet-b", "subnet-c"]
    network_vpc_id             = "vpc-1"
  }

  assert {
    condition = (
      aws_apprunner_vpc_connector.this[0].vpc_connector_name == "dev-hello-${substr(sha256("subnet-a,subnet-b,subnet-c"), 0, 8)}"
      && aws_security_group.connector[0].name == aws_apprunner_vpc_connector.this[0].vpc_connector_name
    )
    error_message = "AWS refuses a second connector of the same name or groups."
  }
}

run "network_of_an_application_without_data" {
  command = plan

  variables {
    network_private_subnet_ids = ["subnet-a", "subnet-b"]
    network_vpc_id             = "vpc-1"
  }

  assert {
    condition     = length(aws_apprunner_vpc_connector.this) == 0
    error_message = "A network that others use changes nothing."
  }
}

run "no_network" {
  command = plan

  variables {
    data_app_security_group_id = "sg-0fedcba9876543210"
  }

  expect_failures = [var.network_private_subnet_ids, var.network_vpc_id]
}

run "wrong_outputs_of_other_layers" {
  command = plan

  variables {
    data_bucket_arn            = "dev-hello-111122223333"
    data_environment_secrets   = { PORT = "arn:aws:secretsmanager:us-east-1:111122223333:secret:port-AbCdEf" }
    network_private_subnet_ids = ["private"]
    network_vpc_id             = "main"
    readable_secret_arns       = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:*"]
  }

  expect_failures = [
    var.data_bucket_arn,
    var.data_environment_secrets,
    var.network_private_subnet_ids,
    var.network_vpc_id,
    var.readable_secret_arns,
  ]
}

run "wrong_group" {
  command = plan

  variables {
    data_app_security_group_id = "dev-hello-app"
  }

  expect_failures = [var.data_app_security_group_id]
}

run "too_many_variables_and_secrets" {
  command = plan

  variables {
    data_environment_secrets = { KEY = "arn:aws:secretsmanager:us-east-1:111122223333:secret:shop-AbCdEf" }
    environment_variables    = { for number in range(46) : "VARIABLE_${number}" => "x" }
  }

  expect_failures = [var.data_environment_secrets]
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
