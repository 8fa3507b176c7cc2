mock_provider "aws" {}

variables {
  alarm_action_arns       = ["arn:aws:sns:us-east-1:111122223333:on-call"]
  launch_template_id      = "lt-0123456789abcdef0"
  launch_template_version = "7"
  lifecycle_hook_name     = "running"
  max_count               = 4
  min_count               = 2
  name                    = "dev-shop_worker"
  subnet_ids              = ["subnet-3", "subnet-4"]
  tags                    = { Environment = "development", Project = "shop" }
}

run "several_at_once" {
  command = plan

  assert {
    condition = (
      aws_autoscaling_group.process.name == "dev-shop_worker"
      && aws_autoscaling_group.process.desired_capacity == 2
      && aws_autoscaling_group.process.min_size == 2
      && aws_autoscaling_group.process.max_size == 4
      && aws_autoscaling_group.process.health_check_type == "EC2"
      && aws_autoscaling_group.process.vpc_zone_identifier == toset(["subnet-3", "subnet-4"])
      && aws_autoscaling_group.process.enabled_metrics == toset(["GroupInServiceInstances"])
      && one(aws_autoscaling_group.process.launch_template).version == "7"
      && { for tag in aws_autoscaling_group.process.tag : tag.key => tag.value } == { Environment = "development", Name = "dev-shop_worker", Project = "shop" }
      && alltrue([for tag in aws_autoscaling_group.process.tag : tag.propagate_at_launch])
    )
    error_message = "Two to four instances in both subnets, without a load balancer, with the tags."
  }

  assert {
    condition = (
      one(aws_autoscaling_group.process.instance_maintenance_policy).min_healthy_percentage == 100
      && one(aws_autoscaling_group.process.instance_maintenance_policy).max_healthy_percentage == 150
    )
    error_message = "A new instance runs before an old one goes."
  }

  assert {
    condition = (
      one(aws_autoscaling_group.process.initial_lifecycle_hook).name == aws_autoscaling_lifecycle_hook.running.name
      && one(aws_autoscaling_group.process.initial_lifecycle_hook).heartbeat_timeout == aws_autoscaling_lifecycle_hook.running.heartbeat_timeout
      && one(aws_autoscaling_group.process.initial_lifecycle_hook).default_result == "ABANDON"
      && aws_autoscaling_lifecycle_hook.running.default_result == "ABANDON"
      && aws_autoscaling_lifecycle_hook.running.lifecycle_transition == "autoscaling:EC2_INSTANCE_LAUNCHING"
    )
    error_message = "From the first instance on, one that does not say that its command runs is replaced."
  }

  assert {
    condition = (
      one(aws_autoscaling_policy.cpu[0].target_tracking_configuration).target_value == 70
      && aws_cloudwatch_metric_alarm.running_instances.threshold == 2
      && aws_cloudwatch_metric_alarm.running_instances.treat_missing_data == "breaching"
      && aws_cloudwatch_metric_alarm.running_instances.dimensions == tomap({ AutoScalingGroupName = "dev-shop_worker" })
      && aws_cloudwatch_metric_alarm.running_instances.alarm_actions == toset(["arn:aws:sns:us-east-1:111122223333:on-call"])
    )
    error_message = "Auto-scaling goes by CPU, and an alarm goes off below the number of instances asked for."
  }
}

run "one_at_a_time" {
  command = plan

  variables {
    max_count = 1
    min_count = 1
  }

  assert {
    condition = (
      one(aws_autoscaling_group.process.instance_maintenance_policy).min_healthy_percentage == 0
      && one(aws_autoscaling_group.process.instance_maintenance_policy).max_healthy_percentage == 100
      && length(aws_autoscaling_policy.cpu) == 0
    )
    error_message = "An instance goes before its successor comes, and there is nothing to scale."
  }
}
