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

# The load balancer's word, not the group's: an instance in service may not serve yet.
resource "aws_cloudwatch_metric_alarm" "healthy_instances" {
  alarm_name        = "${var.name}-healthy-instances"
  alarm_description = "Fewer than ${var.min_count} instances of ${var.name} have been healthy for three minutes."
  namespace         = "AWS/ApplicationELB"
  metric_name       = "HealthyHostCount"
  statistic         = "Minimum"
  dimensions = {
    LoadBalancer = local.load_balancer.arn_suffix
    TargetGroup  = module.target.arn_suffix
  }
  comparison_operator = "LessThanThreshold"
  threshold           = var.min_count
  period              = 60
  # An instance that is being replaced is missing for a minute or two.
  evaluation_periods = 3
  # Nothing counts instances where there are none.
  treat_missing_data = "breaching"
  alarm_actions      = var.alarm_action_arns
  ok_actions         = var.alarm_action_arns
}
