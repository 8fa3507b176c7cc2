mock_provider "aws" {}

variables {
  alarm_action_arns              = ["arn:aws:sns:us-east-1:111122223333:on-call"]
  database_connections_threshold = 70
  database_instance_identifier   = "dev-tasks"
  load_balancer_arn_suffix       = "app/dev-tasks/1"
  name                           = "dev-tasks"
  target_group_arn_suffix        = "targetgroup/dev-tasks/1"
}

run "with_database" {
  command = plan

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.database_cpu[0].threshold == 80
      && aws_cloudwatch_metric_alarm.database_cpu[0].comparison_operator == "GreaterThanThreshold"
      && aws_cloudwatch_metric_alarm.database_cpu[0].dimensions.DBInstanceIdentifier == "dev-tasks"
    )
    error_message = "An alarm goes off above 80 % of the database's CPU."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.database_storage[0].metric_name == "FreeStorageSpace"
      && aws_cloudwatch_metric_alarm.database_storage[0].comparison_operator == "LessThanThreshold"
      && aws_cloudwatch_metric_alarm.database_storage[0].threshold == 2 * pow(1024, 3)
      && aws_cloudwatch_metric_alarm.database_connections[0].metric_name == "DatabaseConnections"
      && aws_cloudwatch_metric_alarm.database_connections[0].comparison_operator == "GreaterThanThreshold"
      && aws_cloudwatch_metric_alarm.database_connections[0].threshold == 70
      && length(output.alarm_names) == 5
    )
    error_message = "Alarms go off before the database has no storage or no connections left."
  }

  assert {
    condition = alltrue([
      for alarm in [aws_cloudwatch_metric_alarm.app_5xx, aws_cloudwatch_metric_alarm.load_balancer_5xx[0]] :
      alarm.threshold == 10 && alarm.comparison_operator == "GreaterThanThreshold" && alarm.period == 300
      && alarm.statistic == "Sum" && alarm.dimensions.LoadBalancer == "app/dev-tasks/1"
      && alarm.alarm_actions == toset(["arn:aws:sns:us-east-1:111122223333:on-call"])
    ])
    error_message = "Alarms go off above 10 answers with 5xx in 5 minutes, and tell who is to know."
  }
}

run "without_database" {
  command = plan

  variables {
    alarm_action_arns            = []
    database_instance_identifier = null
  }

  assert {
    condition     = length(output.alarm_names) == 2
    error_message = "Where there is no database nothing watches one."
  }
}

run "on_a_shared_load_balancer" {
  command = plan

  variables {
    database_instance_identifier = null
    load_balancer_shared         = true
  }

  assert {
    condition = (
      output.alarm_names == ["dev-tasks-app-5xx"]
      && aws_cloudwatch_metric_alarm.app_5xx.dimensions == tomap({ LoadBalancer = "app/dev-tasks/1", TargetGroup = "targetgroup/dev-tasks/1" })
    )
    error_message = "Answers of another app on the same load balancer set off no alarm of this one."
  }
}
