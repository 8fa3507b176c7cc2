mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

override_resource {
  target          = aws_iam_role.scheduler
  override_during = plan
  values          = { arn = "arn:aws:iam::111122223333:role/dev-shop-scheduler", id = "dev-shop-scheduler" }
}

variables {
  account_id         = "111122223333"
  alarm_action_arns  = ["arn:aws:sns:us-east-1:111122223333:on-call"]
  assign_public_ip   = false
  cluster_arn        = "arn:aws:ecs:us-east-1:111122223333:cluster/dev-shop"
  cluster_name       = "dev-shop"
  container_name     = "app"
  name               = "dev-shop"
  passed_role_arns   = ["arn:aws:iam::111122223333:role/dev-shop-service-task", "arn:aws:iam::111122223333:role/dev-shop-service-execution"]
  region             = "us-east-1"
  security_group_ids = ["sg-app"]
  subnet_ids         = ["subnet-3", "subnet-4"]
  schedules = {
    cleanup = { schedule = "cron(0 3 * * ? *)", task_definition_arn = "arn:aws:ecs:us-east-1:111122223333:task-definition/dev-shop_cleanup:3", timezone = "Europe/Berlin" }
    sync    = { schedule = "rate(10 minutes)", task_definition_arn = "arn:aws:ecs:us-east-1:111122223333:task-definition/dev-shop_sync:1", timezone = "UTC" }
  }
}

run "schedules" {
  command = plan

  assert {
    condition = { for name, schedule in aws_scheduler_schedule.this : name => [schedule.name, schedule.group_name, schedule.schedule_expression, schedule.schedule_expression_timezone] } == {
      cleanup = ["dev-shop_cleanup", "dev-shop", "cron(0 3 * * ? *)", "Europe/Berlin"]
      sync    = ["dev-shop_sync", "dev-shop", "rate(10 minutes)", "UTC"]
    }
    error_message = "Each schedule has its time and its time zone."
  }

  assert {
    condition = alltrue([
      for name, schedule in aws_scheduler_schedule.this : (
        schedule.target[0].arn == var.cluster_arn
        && schedule.target[0].role_arn == "arn:aws:iam::111122223333:role/dev-shop-scheduler"
        && schedule.target[0].ecs_parameters[0].task_definition_arn == var.schedules[name].task_definition_arn
        && schedule.target[0].ecs_parameters[0].launch_type == "FARGATE"
        && schedule.target[0].ecs_parameters[0].propagate_tags == "TASK_DEFINITION"
        && !schedule.target[0].ecs_parameters[0].network_configuration[0].assign_public_ip
        && schedule.target[0].ecs_parameters[0].network_configuration[0].subnets == toset(["subnet-3", "subnet-4"])
        && schedule.target[0].ecs_parameters[0].network_configuration[0].security_groups == toset(["sg-app"])
        && schedule.target[0].retry_policy[0].maximum_event_age_in_seconds == 3600
        && schedule.target[0].retry_policy[0].maximum_retry_attempts == 10
        && schedule.flexible_time_window[0].mode == "OFF"
      )
    ])
    error_message = "A run is a task on Fargate, which is tried again where ECS does not start it."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.scheduler.policy).Statement == [
      {
        Sid       = "RunTasks"
        Effect    = "Allow"
        Action    = ["ecs:RunTask"]
        Resource  = ["arn:aws:ecs:us-east-1:111122223333:task-definition/dev-shop_cleanup:3", "arn:aws:ecs:us-east-1:111122223333:task-definition/dev-shop_sync:1"]
        Condition = { ArnEquals = { "ecs:cluster" = "arn:aws:ecs:us-east-1:111122223333:cluster/dev-shop" } }
      },
      {
        Sid       = "PassRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = ["arn:aws:iam::111122223333:role/dev-shop-service-execution", "arn:aws:iam::111122223333:role/dev-shop-service-task"]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
      {
        Sid       = "TagTasks"
        Effect    = "Allow"
        Action    = ["ecs:TagResource"]
        Resource  = ["arn:aws:ecs:us-east-1:111122223333:task/dev-shop/*"]
        Condition = { StringEquals = { "ecs:CreateAction" = "RunTask" } }
      },
    ]
    error_message = "The scheduler may run these tasks, and nothing else."
  }

  assert {
    condition = jsondecode(aws_iam_role.scheduler.assume_role_policy).Statement[0].Condition == {
      StringEquals = { "aws:SourceAccount" = "111122223333" }
      ArnEquals    = { "aws:SourceArn" = "arn:aws:scheduler:us-east-1:111122223333:schedule-group/dev-shop" }
    }
    error_message = "Schedules of this group alone may take the role."
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.failed_run["cleanup"].event_pattern).detail == {
      clusterArn = ["arn:aws:ecs:us-east-1:111122223333:cluster/dev-shop"]
      group      = ["family:dev-shop_cleanup"]
      lastStatus = ["STOPPED"]
      "$or" = [
        { containers = { name = ["app"], exitCode = [{ anything-but = [0] }] } },
        { stopCode = ["TaskFailedToStart"] },
      ]
    }
    error_message = "A run has failed that ended with another code than 0, or could not start."
  }

  assert {
    condition = alltrue([
      for alarm in [aws_cloudwatch_metric_alarm.dropped_runs, aws_cloudwatch_metric_alarm.failed_runs["cleanup"]] :
      alarm.threshold == 0 && alarm.comparison_operator == "GreaterThanThreshold" && alarm.treat_missing_data == "notBreaching"
      && alarm.alarm_actions == toset(["arn:aws:sns:us-east-1:111122223333:on-call"])
    ])
    error_message = "One failure is told to who is told of the others."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.dropped_runs.dimensions == tomap({ ScheduleGroup = "dev-shop" })
      && aws_cloudwatch_metric_alarm.failed_runs["cleanup"].dimensions == tomap({ RuleName = "dev-shop_cleanup" })
    )
    error_message = "Alarms watch what is this application's."
  }
}

run "on_spot_with_public_addresses" {
  command = plan

  variables {
    assign_public_ip  = true
    capacity_provider = "FARGATE_SPOT"
  }

  assert {
    condition = (
      one(aws_scheduler_schedule.this["sync"].target[0].ecs_parameters[0].capacity_provider_strategy).capacity_provider == "FARGATE_SPOT"
      && aws_scheduler_schedule.this["sync"].target[0].ecs_parameters[0].network_configuration[0].assign_public_ip
    )
    error_message = "Tasks run where the application does."
  }
}
