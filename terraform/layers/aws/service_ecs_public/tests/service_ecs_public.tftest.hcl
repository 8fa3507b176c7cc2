mock_provider "aws" {}

variables {
  account_id                 = "111122223333"
  data_app_security_group_id = "sg-app"
  image                      = "111122223333.dkr.ecr.us-east-1.amazonaws.com/dev-records@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  name                       = "dev-records"
  network_public_subnet_ids  = ["subnet-1", "subnet-2"]
  network_vpc_id             = "vpc-1"
  registry_repository_arn    = "arn:aws:ecr:us-east-1:111122223333:repository/dev-records"
  tags                       = { Environment = "development", Project = "records" }
}

run "defaults" {
  command = plan

  assert {
    condition = (
      aws_ecs_service.this.desired_count == 1
      && aws_ecs_service.this.network_configuration[0].assign_public_ip
      && toset(aws_ecs_service.this.network_configuration[0].subnets) == toset(["subnet-1", "subnet-2"])
      && length(aws_ecs_service.this.load_balancer) == 0
    )
    error_message = "One task runs in the public subnets, with a public address and no load balancer."
  }

  assert {
    condition = (
      aws_ecs_service.this.deployment_circuit_breaker[0].enable
      && aws_ecs_service.this.deployment_circuit_breaker[0].rollback
      && aws_ecs_service.this.deployment_minimum_healthy_percent == 100
      && aws_ecs_service.this.deployment_maximum_percent == 200
      && !aws_ecs_service.this.enable_execute_command
      && aws_ecs_service.this.enable_ecs_managed_tags
      && aws_ecs_service.this.propagate_tags == "SERVICE"
    )
    error_message = "A failed deployment rolls back, none stops a task before its successor runs, and tasks carry the tags."
  }

  assert {
    condition = { for block, rule in aws_vpc_security_group_ingress_rule.app : block => [rule.from_port, rule.to_port] } == {
      "0.0.0.0/0" = [8000, 8000]
    }
    error_message = "Anybody reaches the container's port, and nothing else."
  }

  assert {
    condition     = output.container_port == 8000 && output.image == var.image && output.log_group_name == "dev-records/service"
    error_message = "The outputs say what runs."
  }
}

run "almost_everything_changed" {
  command = plan

  variables {
    allowed_cidr_blocks        = ["198.51.100.0/24", "203.0.113.7/32"]
    container_insights_enabled = true
    container_port             = 5000
    cpu_architecture           = "ARM64"
    cpu_units                  = 512
    data_bucket_arn            = "arn:aws:s3:::dev-records-111122223333"
    desired_count              = 3
    environment_variables      = { APP_NAME = "records" }
    execute_command_enabled    = true
    health_check_command       = ["CMD-SHELL", "true"]
    health_check_path          = "/ready"
    log_retention_days         = 14
    memory_mib                 = 1024
    network_public_subnet_ids  = ["subnet-1"]
    readable_secret_arns       = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-records/database/app-AbCdEf"]
    registry_repository_arn    = null
    start_period_seconds       = 60
    stop_timeout_seconds       = 60
    tmp_size_mib               = 64
    user                       = "1000"
  }

  assert {
    condition     = aws_ecs_service.this.desired_count == 3 && aws_ecs_service.this.enable_execute_command
    error_message = "Number of tasks and sessions are as asked for."
  }

  assert {
    condition     = aws_ecs_cluster.this.configuration[0].execute_command_configuration[0].log_configuration[0].cloud_watch_log_group_name == "dev-records/service/sessions"
    error_message = "Sessions of ECS Exec are recorded."
  }

  assert {
    condition = { for block, rule in aws_vpc_security_group_ingress_rule.app : block => rule.from_port } == {
      "198.51.100.0/24" = 5000
      "203.0.113.7/32"  = 5000
    }
    error_message = "Only the ranges given reach the port given."
  }

  assert {
    condition     = one(aws_ecs_cluster.this.setting).value == "enabled"
    error_message = "Container Insights are on when asked for."
  }
}

run "rejects_wrong_values" {
  command = plan

  variables {
    allowed_cidr_blocks        = []
    data_app_security_group_id = "app"
    desired_count              = 0
    name                       = "records-"
    network_public_subnet_ids  = []
    network_vpc_id             = "net-1"
    region                     = "virginia"
    tags                       = { Environment = "development" }
  }

  expect_failures = [
    var.allowed_cidr_blocks, var.data_app_security_group_id, var.desired_count, var.name,
    var.network_public_subnet_ids, var.network_vpc_id, var.region, var.tags,
  ]
}

run "rejects_malformed_ranges" {
  command = plan

  variables {
    allowed_cidr_blocks       = ["203.0.113.7/24"]
    desired_count             = 1.5
    health_check_path         = "/it's"
    network_public_subnet_ids = ["net-1"]
  }

  expect_failures = [var.allowed_cidr_blocks, var.desired_count, var.health_check_path, var.network_public_subnet_ids]
}

run "processes" {
  command = plan

  override_resource {
    target          = module.task["worker"].aws_ecs_task_definition.this
    override_during = plan
    values          = { arn = "arn:aws:ecs:us-east-1:111122223333:task-definition/dev-records_worker:1" }
  }

  variables {
    alarm_action_arns     = ["arn:aws:sns:us-east-1:111122223333:on-call"]
    cpu_units             = 512
    environment_variables = { APP_NAME = "shop" }
    memory_mib            = 1024
    processes = {
      beat   = { command = ["celery", "-A", "shop", "beat"], stop_timeout_seconds = 5 }
      worker = { command = ["celery", "-A", "shop", "worker"], cpu_units = 256, health_check_command = ["CMD-SHELL", "celery inspect ping"], max_count = 4, memory_mib = 2048 }
    }
    stop_timeout_seconds = 60
  }

  assert {
    condition     = output.processes.worker == { service_name = "dev-records_worker", task_definition_arn = "arn:aws:ecs:us-east-1:111122223333:task-definition/dev-records_worker:1" }
    error_message = "The output says what to follow."
  }
}

run "rejects_wrong_processes" {
  command = plan

  variables {
    processes = { web = { command = ["gunicorn", "shop:app"] } }
  }

  expect_failures = [var.processes]
}

run "schedules" {
  command = plan

  variables {
    processes = { worker = { command = ["celery", "-A", "shop", "worker"] } }
    schedules = {
      cleanup = { command = ["flask", "cleanup"], schedule = "cron(0 3 * * ? *)", timezone = "Europe/Berlin" }
      sync    = { command = ["flask", "sync"], cpu_units = 512, memory_mib = 1024, schedule = "rate(10 minutes)" }
    }
  }

  assert {
    condition     = length(module.schedules) == 1 && module.schedules[0].group_name == var.name && keys(output.processes) == ["worker"]
    error_message = "Schedules are beside the processes."
  }
}

run "rejects_a_schedule_of_another_cron" {
  command = plan

  variables {
    schedules = { cleanup = { command = ["flask", "cleanup"], schedule = "0 3 * * *" } }
  }

  expect_failures = [var.schedules]
}
