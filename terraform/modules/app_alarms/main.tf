# Two alarms, because they call for different people: these answers the load balancer made because no target gave one...
# AWS counts them by load balancer alone, so on a shared one they are the network's.
resource "aws_cloudwatch_metric_alarm" "load_balancer_5xx" {
  count = var.load_balancer_shared ? 0 : 1

  alarm_name          = "${var.name}-load-balancer-5xx"
  alarm_description   = "The load balancer of ${var.name} itself answered more than 10 requests with 5xx in 5 minutes: targets are missing, unhealthy or too slow."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_ELB_5XX_Count"
  statistic           = "Sum"
  dimensions          = { LoadBalancer = var.load_balancer_arn_suffix }
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10
  period              = 300
  evaluation_periods  = 1
  # The metric exists only while there are such answers.
  treat_missing_data = "notBreaching"
  alarm_actions      = var.alarm_action_arns
  ok_actions         = var.alarm_action_arns
}

# ... and these are the application's own.
resource "aws_cloudwatch_metric_alarm" "app_5xx" {
  alarm_name          = "${var.name}-app-5xx"
  alarm_description   = "The application ${var.name} answered more than 10 requests with 5xx in 5 minutes: see its log."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_Target_5XX_Count"
  statistic           = "Sum"
  dimensions          = { LoadBalancer = var.load_balancer_arn_suffix, TargetGroup = var.target_group_arn_suffix }
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_action_arns
  ok_actions          = var.alarm_action_arns
}

resource "aws_cloudwatch_metric_alarm" "database_cpu" {
  count = var.database_instance_identifier == null ? 0 : 1

  alarm_name          = "${var.name}-database-cpu"
  alarm_description   = "The database of ${var.name} has used more than 80 % of its CPU for 5 minutes."
  namespace           = "AWS/RDS"
  metric_name         = "CPUUtilization"
  statistic           = "Average"
  dimensions          = { DBInstanceIdentifier = var.database_instance_identifier }
  comparison_operator = "GreaterThanThreshold"
  threshold           = 80
  period              = 300
  evaluation_periods  = 1
  # A database that reports nothing is neither idle nor busy: the alarm says that it does not know.
  treat_missing_data = "missing"
  alarm_actions      = var.alarm_action_arns
  ok_actions         = var.alarm_action_arns
}

# A database that runs full stops, and RDS grows its storage at most once in six hours ("Managing capacity automatically
# with Amazon RDS storage autoscaling" in the Amazon RDS User Guide).
resource "aws_cloudwatch_metric_alarm" "database_storage" {
  count = var.database_instance_identifier == null ? 0 : 1

  alarm_name          = "${var.name}-database-storage"
  alarm_description   = "The database of ${var.name} has had less than 2 GiB of free storage in the last 5 minutes."
  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  statistic           = "Minimum"
  dimensions          = { DBInstanceIdentifier = var.database_instance_identifier }
  comparison_operator = "LessThanThreshold"
  # 2 GiB, a tenth of the smallest storage that gp3 has.
  threshold          = 2147483648
  period             = 300
  evaluation_periods = 1
  treat_missing_data = "missing"
  alarm_actions      = var.alarm_action_arns
  ok_actions         = var.alarm_action_arns
}

resource "aws_cloudwatch_metric_alarm" "database_connections" {
  count = var.database_instance_identifier == null ? 0 : 1

  alarm_name          = "${var.name}-database-connections"
  alarm_description   = "The database of ${var.name} has had more than ${var.database_connections_threshold} connections in the last 5 minutes: it refuses further ones at its max_connections."
  namespace           = "AWS/RDS"
  metric_name         = "DatabaseConnections"
  statistic           = "Maximum"
  dimensions          = { DBInstanceIdentifier = var.database_instance_identifier }
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.database_connections_threshold
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "missing"
  alarm_actions       = var.alarm_action_arns
  ok_actions          = var.alarm_action_arns
}
