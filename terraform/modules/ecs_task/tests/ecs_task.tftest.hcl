mock_provider "aws" {}

variables {
  container_port     = 8000
  cpu_units          = 256
  execution_role_arn = "arn:aws:iam::111122223333:role/dev-tasks-service-execution"
  image              = "111122223333.dkr.ecr.us-east-1.amazonaws.com/dev-tasks@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  log_group_name     = "dev-tasks/service"
  memory_mib         = 512
  name               = "dev-tasks"
  region             = "us-east-1"
  task_role_arn      = "arn:aws:iam::111122223333:role/dev-tasks-service-task"
}

run "defaults" {
  command = plan

  assert {
    condition = (
      aws_ecs_task_definition.this.cpu == "256"
      && aws_ecs_task_definition.this.skip_destroy
      && aws_ecs_task_definition.this.memory == "512"
      && aws_ecs_task_definition.this.network_mode == "awsvpc"
      && aws_ecs_task_definition.this.requires_compatibilities == toset(["FARGATE"])
    )
    error_message = "A task is a Fargate task of 256 CPU units and 512 MiB."
  }

  assert {
    condition = alltrue([
      for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : (
        container.readonlyRootFilesystem
        && container.user == "10001"
        && container.stopTimeout == 30
        && container.portMappings[0].containerPort == 8000
        && container.linuxParameters.initProcessEnabled
        && container.linuxParameters.tmpfs[0].containerPath == "/tmp"
        && container.logConfiguration.logDriver == "awslogs"
        && container.logConfiguration.options.awslogs-stream-prefix == "task"
        && container.command == null
        && length(container.mountPoints) == 0
        && strcontains(join(" ", container.healthCheck.command), "GET /healthz HTTP/1.0")
        && strcontains(join(" ", container.healthCheck.command), "('127.0.0.1', 8000)")
        && strcontains(join(" ", container.healthCheck.command), "[9:10] not in (b'2', b'3', b'4')")
      )
    ])
    error_message = "The container is not root, writes to /tmp alone, logs to CloudWatch and answers /healthz with anything below 500."
  }

  assert {
    condition = alltrue([
      for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : container.secrets == null && container.dockerLabels == null
    ])
    error_message = "Without secrets, the task definition is that of before there were any."
  }

  assert {
    condition = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment == [
      { name = "AWS_DEFAULT_REGION", value = "us-east-1" },
      { name = "AWS_REGION", value = "us-east-1" },
      { name = "IMAGE_DIGEST", value = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
      { name = "PORT", value = "8000" },
    ]
    error_message = "The platform says what it knows: region, digest and port."
  }
}

run "almost_everything_changed" {
  command = plan

  variables {
    container_port          = 5000
    cpu_architecture        = "ARM64"
    cpu_units               = 1024
    environment_variables   = { APP_NAME = "records", DATABASE_SECRET_ID = "arn:aws:secretsmanager:x", PORT = "1" }
    execute_command_enabled = true
    health_check_command    = ["CMD-SHELL", "true"]
    memory_mib              = 3072
    secret_versions         = "0123456789abcdef"
    secrets                 = { MAIL_PASSWORD = "arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf:password::" }
    start_period_seconds    = 0
    stop_timeout_seconds    = 120
    tmp_size_mib            = 1024
    user                    = "1000:1000"
  }

  assert {
    condition     = aws_ecs_task_definition.this.memory == "3072" && aws_ecs_task_definition.this.runtime_platform[0].cpu_architecture == "ARM64"
    error_message = "Size and architecture reach the task definition."
  }

  assert {
    condition = alltrue([
      for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : (
        container.user == "1000:1000"
        && container.stopTimeout == 120
        && container.healthCheck.command == ["CMD-SHELL", "true"]
        && container.healthCheck.startPeriod == 0
        && container.linuxParameters.tmpfs[0].size == 1024
        && contains(container.environment, { name = "APP_NAME", value = "records" })
        && contains(container.environment, { name = "PORT", value = "5000" })
        && !contains(container.environment, { name = "PORT", value = "1" })
      )
    ])
    error_message = "Each setting reaches the container, and the platform's own variables win."
  }

  assert {
    condition = alltrue([
      for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : (
        container.secrets == [{ name = "MAIL_PASSWORD", valueFrom = "arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf:password::" }]
        && container.dockerLabels == { secret-versions = "0123456789abcdef" }
      )
    ])
    error_message = "ECS reads the secrets, and another version of one is another task definition."
  }

  assert {
    condition = (
      [for mount in jsondecode(aws_ecs_task_definition.this.container_definitions)[0].mountPoints : mount.containerPath]
      == ["/managed-agents", "/var/lib/amazon/ssm", "/var/log/amazon/ssm"]
    )
    error_message = "Sessions have their writable directories."
  }
}

run "path_of_its_own" {
  command = plan

  variables {
    health_check_path = "/ready"
  }

  assert {
    condition = alltrue([
      for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : (
        strcontains(join(" ", container.healthCheck.command), "GET /ready HTTP/1.0")
        && strcontains(join(" ", container.healthCheck.command), "[9:12] != b'200'")
      )
    ])
    error_message = "A path that is given has to answer 200."
  }
}

run "another_command_without_a_port" {
  command = plan

  variables {
    command           = ["flask", "cleanup"]
    container_port    = null
    log_stream_prefix = "cleanup"
  }

  assert {
    condition = alltrue([
      for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : (
        container.command == ["flask", "cleanup"]
        && container.healthCheck == null
        && container.portMappings == []
        && container.logConfiguration.options.awslogs-stream-prefix == "cleanup"
        && [for variable in container.environment : variable.name] == ["AWS_DEFAULT_REGION", "AWS_REGION", "IMAGE_DIGEST"]
      )
    ])
    error_message = "What listens on no port has no PORT, and nothing asks one."
  }
}
