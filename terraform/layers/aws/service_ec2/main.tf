# The current Amazon Linux. A new one makes a new launch template version, so a deployment also brings security updates.
data "aws_ssm_parameter" "ami" {
  count = var.ami_id == null ? 1 : 0

  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${var.cpu_architecture == "ARM64" ? "arm64" : "x86_64"}"
}

locals {
  tags = merge(var.tags, { ManagedBy = "terraform" })

  # By it, an instance of a process says that its command runs.
  lifecycle_hook_name = "running"

  # What the platform knows better than its caller comes last and wins.
  environment_variables = merge(var.environment_variables, {
    AWS_DEFAULT_REGION = var.region
    AWS_REGION         = var.region
    IMAGE_DIGEST       = split("@", var.image)[1]
  })

  # The commands of the image that run on instances: its own, which answers requests, and those of processes.
  commands = merge(
    {
      web = {
        command               = null
        environment_variables = merge(local.environment_variables, { PORT = tostring(var.container_port) })
        instance_type         = var.instance_type
        log_stream_prefix     = "instance"
        memory_mib            = var.memory_mib
        name                  = var.name
        stop_timeout_seconds  = var.stop_timeout_seconds
      }
    },
    {
      for name, process in var.processes : name => {
        command               = process.command
        environment_variables = local.environment_variables
        instance_type         = coalesce(process.instance_type, var.instance_type)
        log_stream_prefix     = name
        memory_mib            = coalesce(process.memory_mib, var.memory_mib)
        # No name of an app has an underscore, so none of another app begins like this.
        name                 = "${var.name}_${name}"
        stop_timeout_seconds = coalesce(process.stop_timeout_seconds, var.stop_timeout_seconds)
      }
    },
  )

  # Each by its ARN, and the key that is meant of a secret in JSON.
  secrets = {
    for name, source in var.data_environment_secrets : name => {
      arn = join(":", slice(split(":", source), 0, 7))
      key = try(split(":", source)[7], null)
    }
  }

  user_data = {
    for name, command in local.commands : name => templatefile("${path.module}/user_data.sh.tftpl", {
      command               = command.command
      environment_variables = command.environment_variables
      image                 = var.image
      lifecycle_hook_name   = local.lifecycle_hook_name
      log_group_name        = aws_cloudwatch_log_group.this.name
      log_stream_prefix     = command.log_stream_prefix
      memory_mib            = command.memory_mib
      name                  = command.name
      region                = var.region
      # A public registry wants no login.
      registry_host        = var.registry_repository_arn == null ? null : split("/", var.image)[0]
      secret_versions      = var.data_environment_secret_versions
      secrets              = local.secrets
      stop_timeout_seconds = command.stop_timeout_seconds
      tmp_size_mib         = var.tmp_size_mib
      user                 = var.user
    })
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "${var.name}/service"
  retention_in_days = var.log_retention_days
}

resource "aws_launch_template" "this" {
  for_each = local.commands

  name          = each.value.name
  description   = "Instances of ${each.value.name}"
  image_id      = var.ami_id == null ? data.aws_ssm_parameter.ami[0].insecure_value : var.ami_id
  instance_type = each.value.instance_type
  user_data     = base64encode(local.user_data[each.key])

  # The provider adds the other tags.
  tags = { Name = each.value.name }

  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
  }

  # Only who can send a PUT gets a token, and one hop leads no further than the instance itself: its container shares
  # the instance's network.
  metadata_options {
    http_endpoint               = "enabled"
    http_put_response_hop_limit = 1
    http_tokens                 = "required"
  }

  # No key pair and no port 22: Systems Manager gives a shell.
  network_interfaces {
    associate_public_ip_address = var.assign_public_ip
    delete_on_termination       = true
    device_index                = 0
    security_groups             = [var.data_app_security_group_id]
  }

  block_device_mappings {
    device_name = var.root_device_name

    ebs {
      delete_on_termination = true
      encrypted             = true
      volume_size           = var.root_volume_gb
      volume_type           = "gp3"
    }
  }

  # The provider's default tags do not reach what Auto Scaling launches.
  dynamic "tag_specifications" {
    for_each = ["instance", "volume"]

    content {
      resource_type = tag_specifications.value
      tags          = merge(local.tags, { Name = each.value.name })
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.user_data[each.key]) <= 16384
      error_message = "The user data of ${each.value.name} has ${length(local.user_data[each.key])} characters; EC2 takes 16384. Shorten environment_variables."
    }
  }
}

resource "aws_autoscaling_group" "this" {
  name                      = var.name
  desired_capacity          = var.min_count
  max_size                  = var.max_count
  min_size                  = var.min_count
  default_instance_warmup   = 60
  health_check_grace_period = coalesce(var.health_check_grace_period_seconds, var.start_period_seconds + 270)
  health_check_type         = "ELB"
  target_group_arns         = [module.target.arn]
  vpc_zone_identifier       = var.assign_public_ip ? var.network_public_subnet_ids : var.network_private_subnet_ids
  # Whoever applies this follows the instances, and says why one does not come up.
  wait_for_capacity_timeout = "0"

  # An instance that is unhealthy goes when another one serves: while a database is away, none is healthier.
  instance_maintenance_policy {
    max_healthy_percentage = 150
    min_healthy_percentage = 100
  }

  launch_template {
    id      = aws_launch_template.this["web"].id
    version = aws_launch_template.this["web"].latest_version
  }

  dynamic "tag" {
    for_each = merge(local.tags, { Name = var.name })

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  lifecycle {
    # The number of instances is auto-scaling's from the first day on. The launch template is an instance refresh's:
    # one rolls back to what the group was set to last, so nothing may set the new version before it has succeeded
    # (https://github.com/hashicorp/terraform-provider-aws/issues/34189).
    ignore_changes = [desired_capacity, launch_template]
  }

  # Instances are healthy only when a listener uses the target group.
  depends_on = [module.load_balancer]
}

resource "aws_autoscaling_policy" "cpu" {
  name                   = "${var.name}-cpu"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = var.cpu_target_percent

    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}
