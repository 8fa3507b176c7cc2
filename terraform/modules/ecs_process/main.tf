locals {
  # Never two at once, not even during a deployment: the old task is told to stop before a new one starts. Otherwise a new
  # one runs before an old one is stopped.
  is_single = var.max_count == 1
}

resource "aws_ecs_service" "process" {
  #checkov:skip=CKV_AWS_333:public only where no NAT gateway leads out; a process listens on no port
  name            = var.name
  cluster         = var.cluster_arn
  task_definition = var.task_definition_arn
  launch_type     = var.capacity_provider == null ? "FARGATE" : null
  desired_count   = var.min_count

  # Rebalancing starts a task before it stops one, and ECS refuses it where there is no room for that.
  availability_zone_rebalancing      = local.is_single ? "DISABLED" : "ENABLED"
  deployment_maximum_percent         = local.is_single ? 100 : 200
  deployment_minimum_healthy_percent = local.is_single ? 0 : 100
  enable_ecs_managed_tags            = true
  enable_execute_command             = var.execute_command_enabled
  propagate_tags                     = "SERVICE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    assign_public_ip = var.assign_public_ip
    security_groups  = var.security_group_ids
    subnets          = var.subnet_ids
  }

  dynamic "capacity_provider_strategy" {
    for_each = var.capacity_provider == null ? [] : [var.capacity_provider]

    content {
      capacity_provider = capacity_provider_strategy.value
      weight            = 1
    }
  }

  lifecycle {
    # Auto-scaling's from the first day on.
    ignore_changes = [desired_count]
  }
}

# Also where both numbers are the same: it is what brings the service to them.
resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  resource_id        = "service/${var.cluster_name}/${aws_ecs_service.process.name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.min_count
  max_capacity       = var.max_count
}

resource "aws_appautoscaling_policy" "cpu" {
  count = var.max_count > var.min_count ? 1 : 0

  name               = "${var.name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  resource_id        = aws_appautoscaling_target.this.resource_id
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = var.cpu_target_percent
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

# No load balancer notices that a process is gone. Container Insights count tasks. What is free does not, but ends with the
# last of them: "If a cluster, service, or other resource has no running tasks, no metrics will be reported" (Amazon ECS
# Developer Guide, "Amazon ECS CloudWatch metrics").
resource "aws_cloudwatch_metric_alarm" "running_tasks" {
  alarm_name = "${var.name}-running-tasks"
  alarm_description = format(
    "%s of %s have been running for three minutes: see its log.",
    var.container_insights_enabled ? "Fewer than ${var.min_count} tasks" : "No tasks", var.name
  )
  namespace           = var.container_insights_enabled ? "ECS/ContainerInsights" : "AWS/ECS"
  metric_name         = var.container_insights_enabled ? "RunningTaskCount" : "CPUUtilization"
  statistic           = var.container_insights_enabled ? "Minimum" : "SampleCount"
  dimensions          = { ClusterName = var.cluster_name, ServiceName = aws_ecs_service.process.name }
  comparison_operator = "LessThanThreshold"
  threshold           = var.container_insights_enabled ? var.min_count : 1
  period              = 60
  # A task that is being replaced is missing for a minute or two.
  evaluation_periods = 3
  # Nothing counts tasks where there are none.
  treat_missing_data = "breaching"
  alarm_actions      = var.alarm_action_arns
  ok_actions         = var.alarm_action_arns
}
