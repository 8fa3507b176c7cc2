mock_provider "aws" {}

variables {
  alarm_action_arns          = ["arn:aws:sns:us-east-1:111122223333:on-call"]
  assign_public_ip           = false
  cluster_arn                = "arn:aws:ecs:us-east-1:111122223333:cluster/dev-shop"
  cluster_name               = "dev-shop"
  container_insights_enabled = false
  max_count                  = 4
  min_count                  = 2
  name                       = "dev-shop_worker"
  security_group_ids         = ["sg-app"]
  subnet_ids                 = ["subnet-3", "subnet-4"]
  task_definition_arn        = "arn:aws:ecs:us-east-1:111122223333:task-definition/dev-shop_worker:1"
}

run "several_at_once" {
  command = plan

  assert {
    condition = (
      aws_ecs_service.process.name == "dev-shop_worker"
      && aws_ecs_service.process.launch_type == "FARGATE"
      && aws_ecs_service.process.desired_count == 2
      && length(aws_ecs_service.process.load_balancer) == 0
      && length(aws_ecs_service.process.capacity_provider_strategy) == 0
      && !aws_ecs_service.process.network_configuration[0].assign_public_ip
      && toset(aws_ecs_service.process.network_configuration[0].subnets) == toset(["subnet-3", "subnet-4"])
      && toset(aws_ecs_service.process.network_configuration[0].security_groups) == toset(["sg-app"])
    )
    error_message = "Tasks run on Fargate, and no load balancer knows them."
  }

  assert {
    condition = (
      aws_ecs_service.process.deployment_circuit_breaker[0].enable
      && aws_ecs_service.process.deployment_circuit_breaker[0].rollback
      && aws_ecs_service.process.deployment_minimum_healthy_percent == 100
      && aws_ecs_service.process.deployment_maximum_percent == 200
      && aws_ecs_service.process.availability_zone_rebalancing == "ENABLED"
      && aws_ecs_service.process.enable_ecs_managed_tags
      && aws_ecs_service.process.propagate_tags == "SERVICE"
    )
    error_message = "A failed deployment rolls back, none stops a task before its successor runs, and tasks carry the tags."
  }

  assert {
    condition = (
      aws_appautoscaling_target.this.min_capacity == 2
      && aws_appautoscaling_target.this.max_capacity == 4
      && aws_appautoscaling_target.this.resource_id == "service/dev-shop/dev-shop_worker"
      && aws_appautoscaling_policy.cpu[0].target_tracking_scaling_policy_configuration[0].target_value == 70
      && aws_appautoscaling_policy.cpu[0].target_tracking_scaling_policy_configuration[0].predefined_metric_specification[0].predefined_metric_type == "ECSServiceAverageCPUUtilization"
    )
    error_message = "Auto-scaling runs 2 to 4 tasks at 70 % CPU."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.running_tasks.namespace == "AWS/ECS"
      && aws_cloudwatch_metric_alarm.running_tasks.metric_name == "CPUUtilization"
      && aws_cloudwatch_metric_alarm.running_tasks.statistic == "SampleCount"
      && aws_cloudwatch_metric_alarm.running_tasks.threshold == 1
      && aws_cloudwatch_metric_alarm.running_tasks.treat_missing_data == "breaching"
      && aws_cloudwatch_metric_alarm.running_tasks.dimensions == tomap({ ClusterName = "dev-shop", ServiceName = "dev-shop_worker" })
      && aws_cloudwatch_metric_alarm.running_tasks.alarm_actions == toset(["arn:aws:sns:us-east-1:111122223333:on-call"])
      && startswith(aws_cloudwatch_metric_alarm.running_tasks.alarm_description, "No tasks of dev-shop_worker ")
    )
    error_message = "Without Container Insights, an alarm goes off when no task runs."
  }
}

run "one_at_a_time" {
  command = plan

  variables {
    assign_public_ip           = true
    capacity_provider          = "FARGATE_SPOT"
    container_insights_enabled = true
    max_count                  = 1
    min_count                  = 1
  }

  assert {
    condition = (
      aws_ecs_service.process.deployment_minimum_healthy_percent == 0
      && aws_ecs_service.process.deployment_maximum_percent == 100
      && aws_ecs_service.process.availability_zone_rebalancing == "DISABLED"
      && aws_ecs_service.process.deployment_circuit_breaker[0].rollback
    )
    error_message = "A task stops before its successor starts."
  }

  assert {
    condition = (
      aws_appautoscaling_target.this.min_capacity == 1
      && aws_appautoscaling_target.this.max_capacity == 1
      && length(aws_appautoscaling_policy.cpu) == 0
    )
    error_message = "Where there is nothing to scale, auto-scaling only sets the number."
  }

  assert {
    condition = (
      one(aws_ecs_service.process.capacity_provider_strategy).capacity_provider == "FARGATE_SPOT"
      && aws_ecs_service.process.network_configuration[0].assign_public_ip
    )
    error_message = "It runs where the application does."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.running_tasks.namespace == "ECS/ContainerInsights"
      && aws_cloudwatch_metric_alarm.running_tasks.metric_name == "RunningTaskCount"
      && aws_cloudwatch_metric_alarm.running_tasks.threshold == 1
      && aws_cloudwatch_metric_alarm.running_tasks.treat_missing_data == "breaching"
      && startswith(aws_cloudwatch_metric_alarm.running_tasks.alarm_description, "Fewer than 1 tasks of dev-shop_worker ")
    )
    error_message = "With Container Insights, an alarm goes off below the number of tasks asked for."
  }
}
