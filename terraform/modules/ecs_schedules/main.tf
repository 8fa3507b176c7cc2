# aws, or aws-us-gov and aws-cn for the regions of the US government and of China.
data "aws_partition" "current" {}

locals {
  schedule_names = { for name in keys(var.schedules) : name => "${var.name}_${name}" }
}

# CloudWatch counts runs by group, and the role below is for one group's schedules.
resource "aws_scheduler_schedule_group" "this" {
  name = var.name
}

# What EventBridge Scheduler may do: run these tasks, and pass on their roles.
resource "aws_iam_role" "scheduler" {
  name                 = "${var.name}-scheduler"
  description          = "Lets EventBridge Scheduler run the scheduled tasks of ${var.name}."
  permissions_boundary = var.permissions_boundary_arn

  # "Confused deputy prevention in EventBridge Scheduler": its source is the group.
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnEquals    = { "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:scheduler:${var.region}:${var.account_id}:schedule-group/${var.name}" }
      }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "run-tasks"
  role = aws_iam_role.scheduler.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "RunTasks"
        Effect    = "Allow"
        Action    = ["ecs:RunTask"]
        Resource  = sort([for schedule in values(var.schedules) : schedule.task_definition_arn])
        Condition = { ArnEquals = { "ecs:cluster" = var.cluster_arn } }
      },
      {
        Sid       = "PassRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = sort(var.passed_role_arns)
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
      {
        Sid       = "TagTasks"
        Effect    = "Allow"
        Action    = ["ecs:TagResource"]
        Resource  = ["arn:${data.aws_partition.current.partition}:ecs:${var.region}:${var.account_id}:task/${var.cluster_name}/*"]
        Condition = { StringEquals = { "ecs:CreateAction" = "RunTask" } }
      },
    ]
  })
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:a schedule holds no secret; AWS encrypts it with a key of its own
  for_each = var.schedules

  name                         = local.schedule_names[each.key]
  description                  = "Runs ${each.key} of ${var.name}."
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = each.value.schedule
  schedule_expression_timezone = each.value.timezone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.cluster_arn
    role_arn = aws_iam_role.scheduler.arn

    ecs_parameters {
      enable_ecs_managed_tags = true
      enable_execute_command  = var.execute_command_enabled
      launch_type             = var.capacity_provider == null ? "FARGATE" : null
      propagate_tags          = "TASK_DEFINITION"
      task_definition_arn     = each.value.task_definition_arn

      dynamic "capacity_provider_strategy" {
        for_each = var.capacity_provider == null ? [] : [var.capacity_provider]

        content {
          capacity_provider = capacity_provider_strategy.value
          weight            = 1
        }
      }

      network_configuration {
        assign_public_ip = var.assign_public_ip
        security_groups  = var.security_group_ids
        subnets          = var.subnet_ids
      }
    }

    # Where ECS starts no task. One that has started and fails is not started again: the application decides whether its
    # work may be done twice.
    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 10
    }
  }

  # A run before fails.
  depends_on = [aws_iam_role_policy.scheduler]
}

# A run that ECS would not start in an hour.
resource "aws_cloudwatch_metric_alarm" "dropped_runs" {
  alarm_name          = "${var.name}-dropped-runs"
  alarm_description   = "EventBridge Scheduler could not run a scheduled task of ${var.name} in an hour of attempts: it may not, or ECS has no capacity."
  namespace           = "AWS/Scheduler"
  metric_name         = "InvocationDroppedCount"
  statistic           = "Sum"
  dimensions          = { ScheduleGroup = aws_scheduler_schedule_group.this.name }
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  # The metric exists only while there are such runs.
  treat_missing_data = "notBreaching"
  alarm_actions      = var.alarm_action_arns
  ok_actions         = var.alarm_action_arns
}

# A task that could not start, or whose command failed. Nothing is done with the event: EventBridge counts what matches, and
# the alarm notifies as the others do, where the topic's policy would have to let EventBridge publish.
resource "aws_cloudwatch_event_rule" "failed_run" {
  for_each = var.schedules

  name        = local.schedule_names[each.key]
  description = "Runs of ${each.key} of ${var.name} that failed."

  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail = {
      clusterArn = [var.cluster_arn]
      group      = ["family:${local.schedule_names[each.key]}"]
      lastStatus = ["STOPPED"]
      "$or" = [
        { containers = { name = [var.container_name], exitCode = [{ anything-but = [0] }] } },
        { stopCode = ["TaskFailedToStart"] },
      ]
    }
  })
}

resource "aws_cloudwatch_metric_alarm" "failed_runs" {
  for_each = var.schedules

  alarm_name          = "${local.schedule_names[each.key]}-failed-runs"
  alarm_description   = "A run of ${each.key} of ${var.name} could not start, or its command ended with another code than 0: see the streams ${each.key}/ of its log."
  namespace           = "AWS/Events"
  metric_name         = "MatchedEvents"
  statistic           = "Sum"
  dimensions          = { RuleName = aws_cloudwatch_event_rule.failed_run[each.key].name }
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  # The metric exists only while there are such runs.
  treat_missing_data = "notBreaching"
  alarm_actions      = var.alarm_action_arns
  ok_actions         = var.alarm_action_arns
}
