module "alarms" {
  source = "../../../modules/app_alarms"

  alarm_action_arns              = var.alarm_action_arns
  database_connections_threshold = var.database_connections_threshold
  database_instance_identifier   = var.data_database_instance_identifier
  load_balancer_arn_suffix       = local.load_balancer.arn_suffix
  load_balancer_shared           = var.shared_load_balancer
  name                           = var.name
  target_group_arn_suffix        = module.target.arn_suffix
}

# What the load balancer calls unhealthy, ECS replaces; where that does not help, a person is needed.
resource "aws_cloudwatch_metric_alarm" "unhealthy_tasks" {
  alarm_name          = "${var.name}-unhealthy-tasks"
  alarm_description   = "Tasks of ${var.name} have not answered ${module.target.health_check} for three minutes, and ECS replaces them."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "UnHealthyHostCount"
  statistic           = "Maximum"
  dimensions          = { LoadBalancer = local.load_balancer.arn_suffix, TargetGroup = module.target.arn_suffix }
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 3
  # The metric exists only while the load balancer checks anything.
  treat_missing_data = "notBreaching"
  alarm_actions      = var.alarm_action_arns
  ok_actions         = var.alarm_action_arns
}

# ECS counts running tasks for Container Insights only: AWS/ECS, which is free, has no such metric, and the load
# balancer counts healthy targets, which is another question.
resource "aws_cloudwatch_metric_alarm" "running_tasks" {
  count = var.container_insights_enabled ? 1 : 0

  alarm_name          = "${var.name}-running-tasks"
  alarm_description   = "Fewer than ${var.min_count} tasks of ${var.name} have been running for three minutes."
  namespace           = "ECS/ContainerInsights"
  metric_name         = "RunningTaskCount"
  statistic           = "Minimum"
  dimensions          = { ClusterName = aws_ecs_cluster.this.name, ServiceName = aws_ecs_service.this.name }
  comparison_operator = "LessThanThreshold"
  threshold           = var.min_count
  period              = 60
  # A task that is being replaced is missing for a minute or two.
  evaluation_periods = 3
  # Nothing counts tasks where there are none.
  treat_missing_data = "breaching"
  alarm_actions      = var.alarm_action_arns
  ok_actions         = var.alarm_action_arns
}
