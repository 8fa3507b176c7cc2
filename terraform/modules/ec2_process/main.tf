locals {
  single = var.max_count == 1
  tags   = merge(var.tags, { Name = var.name })

  # An instance has 270 seconds to boot and to install Docker; what is left is for its image and five starts of the command.
  heartbeat_timeout_seconds = 600
}

resource "aws_autoscaling_group" "process" {
  name                    = var.name
  desired_capacity        = var.min_count
  max_size                = var.max_count
  min_size                = var.min_count
  default_instance_warmup = 60
  # For the alarm below; CloudWatch does not charge for it.
  enabled_metrics = ["GroupInServiceInstances"]
  # Nobody sends it requests. An instance whose command ends again and again switches itself off.
  health_check_type         = "EC2"
  health_check_grace_period = 0
  vpc_zone_identifier       = var.subnet_ids
  # Whoever applies this follows the instances, and says why one does not come up.
  wait_for_capacity_timeout = "0"

  # With one at a time, an instance goes before its successor comes.
  instance_maintenance_policy {
    max_healthy_percentage = local.single ? 100 : 150
    min_healthy_percentage = local.single ? 0 : 100
  }

  launch_template {
    id      = var.launch_template_id
    version = var.launch_template_version
  }

  # Before the first instance; the resource below keeps it.
  initial_lifecycle_hook {
    name                 = var.lifecycle_hook_name
    default_result       = "ABANDON"
    heartbeat_timeout    = local.heartbeat_timeout_seconds
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
  }

  dynamic "tag" {
    for_each = local.tags

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  lifecycle {
    # As of the web server's group: the number is auto-scaling's, and the launch template an instance refresh's.
    ignore_changes = [desired_capacity, launch_template]
  }
}

# An instance is in service when it says that its command runs, and is replaced when it says that it does not, or nothing.
resource "aws_autoscaling_lifecycle_hook" "running" {
  name                   = var.lifecycle_hook_name
  autoscaling_group_name = aws_autoscaling_group.process.name
  default_result         = "ABANDON"
  heartbeat_timeout      = local.heartbeat_timeout_seconds
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_LAUNCHING"
}

resource "aws_autoscaling_policy" "cpu" {
  count = var.max_count > var.min_count ? 1 : 0

  name                   = "${var.name}-cpu"
  autoscaling_group_name = aws_autoscaling_group.process.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = var.cpu_target_percent

    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}

# No load balancer notices that a process is gone; an instance is in service only when its command has run.
resource "aws_cloudwatch_metric_alarm" "running_instances" {
  alarm_name          = "${var.name}-running-instances"
  alarm_description   = "Fewer than ${var.min_count} instances of ${var.name} have been in service for ten minutes: see its log."
  namespace           = "AWS/AutoScaling"
  metric_name         = "GroupInServiceInstances"
  statistic           = "Minimum"
  dimensions          = { AutoScalingGroupName = aws_autoscaling_group.process.name }
  comparison_operator = "LessThanThreshold"
  threshold           = var.min_count
  period              = 60
  # An instance that is being replaced is missing until the next one has booted and installed Docker.
  evaluation_periods = 10
  # Nothing counts instances where there is no group.
  treat_missing_data = "breaching"
  alarm_actions      = var.alarm_action_arns
  ok_actions         = var.alarm_action_arns
}
