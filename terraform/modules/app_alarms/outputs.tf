output "alarm_names" {
  description = "Names of the alarms."
  value = concat(
    [aws_cloudwatch_metric_alarm.app_5xx.alarm_name],
    aws_cloudwatch_metric_alarm.load_balancer_5xx[*].alarm_name,
    aws_cloudwatch_metric_alarm.database_connections[*].alarm_name,
    aws_cloudwatch_metric_alarm.database_cpu[*].alarm_name,
    aws_cloudwatch_metric_alarm.database_storage[*].alarm_name,
  )
}
