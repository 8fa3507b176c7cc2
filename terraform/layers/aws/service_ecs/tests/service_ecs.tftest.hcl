mock_provider "aws" {}

override_resource {
  target          = module.load_balancer[0].aws_lb.this
  override_during = plan
  values = {
    arn        = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/dev-tasks/1"
    arn_suffix = "app/dev-tasks/1"
    dns_name   = "dev-tasks-1.us-east-1.elb.amazonaws.com"
    zone_id    = "Z35SXDOTRQ7X7K"
  }
}

variables {
  account_id                 = "111122223333"
  data_app_security_group_id = "sg-app"
  image                      = "111122223333.dkr.ecr.us-east-1.amazonaws.com/dev-tasks@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  name                       = "dev-tasks"
  network_private_subnet_ids = ["subnet-3", "subnet-4"]
  network_public_subnet_ids  = ["subnet-1", "subnet-2"]
  network_vpc_id             = "vpc-1"
  registry_repository_arn    = "arn:aws:ecr:us-east-1:111122223333:repository/dev-tasks"
  tags                       = { Environment = "development", Project = "task-management-api" }
}

run "reference_with_domain" {
  command = plan

  variables {
    data_bucket_arn                   = "arn:aws:s3:::dev-tasks-111122223333"
    data_database_instance_identifier = "dev-tasks"
    domain_name                       = "tasks.example.org"
    readable_secret_arns              = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-tasks/database/app-AbCdEf"]
    zone_create                       = true
    zone_name                         = "example.org"
  }

  assert {
    condition = (
      aws_ecs_service.this.launch_type == "FARGATE"
      && aws_ecs_service.this.desired_count == 2
      && !aws_ecs_service.this.network_configuration[0].assign_public_ip
      && toset(aws_ecs_service.this.network_configuration[0].subnets) == toset(["subnet-3", "subnet-4"])
      && toset(aws_ecs_service.this.network_configuration[0].security_groups) == toset(["sg-app"])
      && one(aws_ecs_service.this.load_balancer).container_port == 8000
    )
    error_message = "Two tasks run on Fargate in the private subnets and listen on port 8000."
  }

  assert {
    condition = (
      aws_ecs_service.this.deployment_circuit_breaker[0].enable
      && aws_ecs_service.this.deployment_circuit_breaker[0].rollback
      && aws_ecs_service.this.deployment_minimum_healthy_percent == 100
      && aws_ecs_service.this.deployment_maximum_percent == 200
      && aws_ecs_service.this.availability_zone_rebalancing == "ENABLED"
      && !aws_ecs_service.this.enable_execute_command
      && aws_ecs_cluster.this.configuration[0].execute_command_configuration[0].logging == "DEFAULT"
      && aws_ecs_service.this.enable_ecs_managed_tags
      && aws_ecs_service.this.propagate_tags == "SERVICE"
    )
    error_message = "A failed deployment rolls back, none stops a task before its successor runs, and tasks carry the tags."
  }

  assert {
    condition = (
      aws_appautoscaling_target.this.min_capacity == 2
      && aws_appautoscaling_target.this.max_capacity == 10
      && aws_appautoscaling_target.this.resource_id == "service/dev-tasks/dev-tasks"
      && aws_appautoscaling_policy.cpu.target_tracking_scaling_policy_configuration[0].target_value == 70
      && aws_appautoscaling_policy.cpu.target_tracking_scaling_policy_configuration[0].predefined_metric_specification[0].predefined_metric_type == "ECSServiceAverageCPUUtilization"
    )
    error_message = "Auto-scaling runs 2 to 10 tasks at 70 % CPU."
  }

  assert {
    condition     = one(aws_ecs_cluster.this.setting).value == "disabled" && length(aws_cloudwatch_metric_alarm.running_tasks) == 0
    error_message = "Container Insights is off, and with it the alarm on running tasks."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.unhealthy_tasks.metric_name == "UnHealthyHostCount"
      && aws_cloudwatch_metric_alarm.unhealthy_tasks.threshold == 0
      && aws_cloudwatch_metric_alarm.unhealthy_tasks.comparison_operator == "GreaterThanThreshold"
      && toset(keys(aws_cloudwatch_metric_alarm.unhealthy_tasks.dimensions)) == toset(["LoadBalancer", "TargetGroup"])
      && strcontains(aws_cloudwatch_metric_alarm.unhealthy_tasks.alarm_description, "GET /healthz with 200-499 ")
      && aws_ecs_service.this.health_check_grace_period_seconds == 60
    )
    error_message = "The load balancer asks a path that needs no database, and an alarm goes off when tasks do not answer."
  }

  assert {
    condition     = output.app_url == "https://tasks.example.org" && output.image == var.image && output.log_group_name == "dev-tasks/service"
    error_message = "The outputs say what runs, and where."
  }
}

run "defaults_without_domain" {
  command = plan

  assert {
    condition     = output.app_url == "http://dev-tasks-1.us-east-1.elb.amazonaws.com"
    error_message = "Without a domain the load balancer's own name serves HTTP."
  }
}

run "almost_everything_changed" {
  command = plan

  variables {
    alarm_action_arns                  = ["arn:aws:sns:us-east-1:111122223333:on-call"]
    certificate_arn                    = "arn:aws:acm:us-east-1:111122223333:certificate/0a"
    container_insights_enabled         = true
    container_port                     = 9000
    cpu_architecture                   = "ARM64"
    cpu_target_percent                 = 50
    cpu_units                          = 512
    domain_name                        = "example.org"
    environment_variables              = { APP_NAME = "tasks" }
    execute_command_enabled            = true
    health_check_codes                 = "200,301"
    health_check_command               = ["CMD-SHELL", "true"]
    health_check_grace_period_seconds  = 120
    health_check_path                  = "/ready"
    load_balancer_deletion_protection  = true
    load_balancer_idle_timeout_seconds = 300
    log_retention_days                 = 30
    max_count                          = 4
    memory_mib                         = 1024
    min_count                          = 4
    registry_repository_arn            = null
    ssl_policy                         = "ELBSecurityPolicy-TLS13-1-3-2021-06"
    start_period_seconds               = 60
    stop_timeout_seconds               = 60
    tmp_size_mib                       = 64
    user                               = "1000"
    zone_name                          = "example.org"
  }

  assert {
    condition = (
      one(aws_ecs_service.this.load_balancer).container_port == 9000
      && aws_ecs_service.this.health_check_grace_period_seconds == 120
      && strcontains(aws_cloudwatch_metric_alarm.unhealthy_tasks.alarm_description, "GET /ready with 200,301 ")
      && aws_ecs_service.this.enable_execute_command
    )
    error_message = "Each setting of the service reaches it."
  }

  assert {
    condition = (
      aws_ecs_cluster.this.configuration[0].execute_command_configuration[0].logging == "OVERRIDE"
      && aws_ecs_cluster.this.configuration[0].execute_command_configuration[0].log_configuration[0].cloud_watch_log_group_name == "dev-tasks/service/sessions"
    )
    error_message = "Sessions of ECS Exec are recorded."
  }

  assert {
    condition = (
      one(aws_ecs_cluster.this.setting).value == "enabled"
      && aws_cloudwatch_metric_alarm.running_tasks[0].metric_name == "RunningTaskCount"
      && aws_cloudwatch_metric_alarm.running_tasks[0].threshold == 4
      && aws_cloudwatch_metric_alarm.running_tasks[0].comparison_operator == "LessThanThreshold"
      && aws_cloudwatch_metric_alarm.running_tasks[0].treat_missing_data == "breaching"
    )
    error_message = "An alarm goes off below the number of tasks asked for."
  }

  assert {
    condition = (
      aws_appautoscaling_target.this.min_capacity == 4
      && aws_appautoscaling_target.this.max_capacity == 4
      && aws_appautoscaling_policy.cpu.target_tracking_scaling_policy_configuration[0].target_value == 50
    )
    error_message = "Auto-scaling follows the numbers given."
  }
}

run "slow_start" {
  command = plan

  variables {
    start_period_seconds = 120
  }

  assert {
    condition     = aws_ecs_service.this.health_check_grace_period_seconds == 150
    error_message = "One input says how long a start may take: the load balancer waits for it, and for two answers after it."
  }
}

run "rejects_codes_and_times_that_a_load_balancer_does_not_take" {
  command = plan

  variables {
    health_check_codes                 = "200-599"
    load_balancer_idle_timeout_seconds = 4001
  }

  expect_failures = [var.health_check_codes, var.load_balancer_idle_timeout_seconds]
}

run "rejects_wrong_values" {
  command = plan

  variables {
    cpu_target_percent                = 5
    data_app_security_group_id        = "app"
    health_check_grace_period_seconds = -1
    min_count                         = 0
    name                              = "internal-tasks"
    network_private_subnet_ids        = ["subnet-3"]
    network_public_subnet_ids         = ["subnet-1", "subnet-1"]
    network_vpc_id                    = "net-1"
    region                            = "virginia"
    tags                              = { Project = "task-management-api" }
  }

  expect_failures = [
    var.cpu_target_percent, var.data_app_security_group_id, var.health_check_grace_period_seconds, var.min_count,
    var.name, var.network_private_subnet_ids, var.network_public_subnet_ids, var.network_vpc_id, var.region, var.tags,
  ]
}

run "rejects_too_few_tasks" {
  command = plan

  variables {
    cpu_target_percent = 96
    max_count          = 1
    name               = "1-tasks"
  }

  expect_failures = [var.cpu_target_percent, var.max_count, var.name]
}

run "on_the_load_balancer_of_the_network_without_nat_gateway" {
  command = plan

  variables {
    assign_public_ip     = true
    capacity_provider    = "FARGATE_SPOT"
    domain_name          = "tasks.example.org"
    shared_load_balancer = true
    network_load_balancer = {
      arn_suffix          = "app/dev-main/1"
      dns_name            = "dev-main-1.us-east-1.elb.amazonaws.com"
      domain_name         = "example.org"
      https_listener_arn  = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/dev-main/1/2"
      security_group_id   = "sg-main"
      zone_id             = "Z1"
      zone_id_of_dns_name = "Z35SXDOTRQ7X7K"
    }
  }

  assert {
    condition = (
      length(module.load_balancer) == 0
      && output.app_url == "https://tasks.example.org"
      && output.load_balancer_dns_name == "dev-main-1.us-east-1.elb.amazonaws.com"
      && output.zone_name_servers == null
    )
    error_message = "There is no load balancer of the app's own; the network's serves it."
  }

  assert {
    condition = (
      aws_ecs_service.this.network_configuration[0].assign_public_ip
      && toset(aws_ecs_service.this.network_configuration[0].subnets) == toset(["subnet-1", "subnet-2"])
      && one(aws_ecs_service.this.capacity_provider_strategy).capacity_provider == "FARGATE_SPOT"
      && aws_ecs_cluster_capacity_providers.spot[0].capacity_providers == toset(["FARGATE_SPOT"])
    )
    error_message = "What needs no NAT gateway has a public address in a public subnet."
  }
}

run "rejects_a_network_without_load_balancer" {
  command = plan

  variables {
    domain_name          = "tasks.example.org"
    shared_load_balancer = true
  }

  expect_failures = [var.shared_load_balancer]
}

run "rejects_a_domain_that_the_certificate_does_not_cover" {
  command = plan

  variables {
    domain_name          = "a.tasks.example.org"
    shared_load_balancer = true
    network_load_balancer = {
      arn_suffix          = "app/dev-main/1"
      dns_name            = "dev-main-1.us-east-1.elb.amazonaws.com"
      domain_name         = "example.org"
      https_listener_arn  = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/dev-main/1/2"
      security_group_id   = "sg-main"
      zone_id             = "Z1"
      zone_id_of_dns_name = "Z35SXDOTRQ7X7K"
    }
  }

  expect_failures = [var.shared_load_balancer]
}

run "rejects_a_certificate_beside_that_of_the_network" {
  command = plan

  variables {
    certificate_arn      = "arn:aws:acm:us-east-1:111122223333:certificate/0a"
    domain_name          = "tasks.example.org"
    shared_load_balancer = true
    network_load_balancer = {
      arn_suffix          = "app/dev-main/1"
      dns_name            = "dev-main-1.us-east-1.elb.amazonaws.com"
      domain_name         = "example.org"
      https_listener_arn  = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/dev-main/1/2"
      security_group_id   = "sg-main"
      zone_id             = "Z1"
      zone_id_of_dns_name = "Z35SXDOTRQ7X7K"
    }
  }

  expect_failures = [var.certificate_arn]
}

run "rejects_a_zone_beside_the_one_of_the_network" {
  command = plan

  variables {
    domain_name           = "tasks.example.org"
    shared_load_balancer  = true
    zone_name             = "example.org"
    network_load_balancer = { domain_name = "example.org", https_listener_arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/dev-main/1/2" }
  }

  expect_failures = [var.zone_name]
}

run "processes" {
  command = plan

  override_resource {
    target          = module.task["worker"].aws_ecs_task_definition.this
    override_during = plan
    values          = { arn = "arn:aws:ecs:us-east-1:111122223333:task-definition/dev-tasks_worker:1" }
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
    condition     = output.processes.worker == { service_name = "dev-tasks_worker", task_definition_arn = "arn:aws:ecs:us-east-1:111122223333:task-definition/dev-tasks_worker:1" }
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
