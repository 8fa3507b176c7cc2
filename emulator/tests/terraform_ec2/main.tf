# A group as the layer service_ec2 makes it, except that the provider itself starts its instance refreshes: what has to
# be the same in a second plan, and what a change sets off.

terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "image" {
  description = "Image that the instances run."
  type        = string
}

variable "user_data_template" {
  description = "Path of the layer's user data template."
  type        = string
}

variable "release" {
  description = "What the application says of itself."
  type        = string
  default     = "1"
}

provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = { Environment = "test", ManagedBy = "terraform" }
  }
}

data "aws_ssm_parameter" "ami" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

resource "aws_vpc" "this" {
  cidr_block = "10.7.0.0/16"
}

resource "aws_subnet" "this" {
  for_each = { a = 0, b = 1 }

  vpc_id            = aws_vpc.this.id
  availability_zone = "us-east-1${each.key}"
  cidr_block        = cidrsubnet(aws_vpc.this.cidr_block, 8, each.value)
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_route" "internet" {
  route_table_id         = aws_vpc.this.main_route_table_id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_security_group" "this" {
  name        = "temu-tf-ec2"
  description = "Tests of the emulator"
  vpc_id      = aws_vpc.this.id

  ingress {
    description = "Requests"
    protocol    = "tcp"
    from_port   = 80
    to_port     = 80
    cidr_blocks = ["0.0.0.0/0"]
  }

  ingress {
    description = "The load balancer"
    protocol    = "tcp"
    from_port   = 8000
    to_port     = 8000
    self        = true
  }

  egress {
    description = "Everywhere"
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_lb" "this" {
  name            = "temu-tf-ec2"
  security_groups = [aws_security_group.this.id]
  subnets         = [for subnet in aws_subnet.this : subnet.id]
}

resource "aws_lb_target_group" "this" {
  name                 = "temu-tf-ec2"
  port                 = 8000
  protocol             = "HTTP"
  target_type          = "instance"
  vpc_id               = aws_vpc.this.id
  deregistration_delay = 5

  health_check {
    path     = "/health"
    interval = 5
    timeout  = 2
  }
}

resource "aws_lb_listener" "this" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name = "temu-tf-ec2"
}

resource "aws_iam_role" "this" {
  name = "temu-tf-ec2"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "this" {
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      Action = [
        "ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer",
        "logs:CreateLogStream", "logs:PutLogEvents",
      ]
      Resource = "*"
    }]
  })
}

resource "aws_iam_instance_profile" "this" {
  name = aws_iam_role.this.name
  role = aws_iam_role.this.name
}

resource "aws_launch_template" "this" {
  name          = "temu-tf-ec2"
  description   = "Instances of <temu> & others"
  image_id      = data.aws_ssm_parameter.ami.insecure_value
  instance_type = "t3.micro"

  user_data = base64encode(templatefile(var.user_data_template, {
    command               = null
    environment_variables = { VERSION = var.release }
    image                 = var.image
    lifecycle_hook_name   = "running"
    log_group_name        = aws_cloudwatch_log_group.this.name
    log_stream_prefix     = "instance"
    memory_mib            = 128
    name                  = "temu-tf-ec2"
    region                = "us-east-1"
    registry_host         = split("/", var.image)[0]
    secret_versions       = ""
    secrets               = {}
    stop_timeout_seconds  = 10
    tmp_size_mib          = 16
    user                  = "10001"
  }))

  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_put_response_hop_limit = 1
    http_tokens                 = "required"
  }

  network_interfaces {
    associate_public_ip_address = true
    delete_on_termination       = true
    device_index                = 0
    security_groups             = [aws_security_group.this.id]
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      delete_on_termination = true
      encrypted             = true
      volume_size           = 10
      volume_type           = "gp3"
    }
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume"]

    content {
      resource_type = tag_specifications.value
      tags          = { Name = "temu-tf-ec2" }
    }
  }
}

resource "aws_autoscaling_group" "this" {
  name                      = "temu-tf-ec2"
  desired_capacity          = 1
  max_size                  = 3
  min_size                  = 1
  default_instance_warmup   = 10
  health_check_grace_period = 10
  health_check_type         = "ELB"
  target_group_arns         = [aws_lb_target_group.this.arn]
  vpc_zone_identifier       = [for subnet in aws_subnet.this : subnet.id]

  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.latest_version
  }

  instance_refresh {
    strategy = "Rolling"

    preferences {
      auto_rollback          = true
      max_healthy_percentage = 200
      min_healthy_percentage = 100
      skip_matching          = true
    }
  }

  tag {
    key                 = "Name"
    value               = "temu-tf-ec2"
    propagate_at_launch = true
  }

  depends_on = [aws_iam_role_policy.this, aws_lb_listener.this]

  lifecycle {
    ignore_changes = [desired_capacity]
  }
}

resource "aws_autoscaling_policy" "this" {
  name                   = "temu-tf-ec2"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = 70

    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}

output "load_balancer_dns_name" {
  description = "DNS name of the load balancer."
  value       = aws_lb.this.dns_name
}

# As the module ec2_process has it, without instances.
resource "aws_autoscaling_group" "process" {
  name                      = "temu-tf-ec2_worker"
  desired_capacity          = 0
  max_size                  = 1
  min_size                  = 0
  enabled_metrics           = ["GroupInServiceInstances"]
  health_check_grace_period = 0
  vpc_zone_identifier       = [for subnet in aws_subnet.this : subnet.id]

  instance_maintenance_policy {
    max_healthy_percentage = 100
    min_healthy_percentage = 0
  }

  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.latest_version
  }

  initial_lifecycle_hook {
    name                 = "running"
    default_result       = "ABANDON"
    heartbeat_timeout    = 600
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
  }
}

resource "aws_autoscaling_lifecycle_hook" "running" {
  name                   = "running"
  autoscaling_group_name = aws_autoscaling_group.process.name
  default_result         = "ABANDON"
  heartbeat_timeout      = 600
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_LAUNCHING"
}
