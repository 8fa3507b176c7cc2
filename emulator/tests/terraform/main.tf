# What has to be the same in a second plan: each kind of resource this project uses that MiniStack alone
# does not keep, as the layers of this project set it.

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
  description = "Image of the service."
  type        = string
}

provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = { Environment = "test", ManagedBy = "terraform" }
  }
}

resource "aws_vpc" "this" {
  cidr_block = "10.8.0.0/16"
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
  name        = "temu-tf"
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
  name            = "temu-tf"
  security_groups = [aws_security_group.this.id]
  subnets         = [for subnet in aws_subnet.this : subnet.id]

  drop_invalid_header_fields = true
}

resource "aws_lb_target_group" "this" {
  name                 = "temu-tf"
  port                 = 80
  protocol             = "HTTP"
  target_type          = "ip"
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

resource "aws_ecs_cluster" "this" {
  name = "temu-tf"
}

resource "aws_iam_role" "execution" {
  name = "temu-tf-execution"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "execution" {
  role = aws_iam_role.execution.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      Resource = "*"
    }]
  })
}

resource "aws_ecs_task_definition" "this" {
  family                   = "temu-tf"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.execution.arn

  container_definitions = jsonencode([{
    name         = "app"
    image        = var.image
    essential    = true
    portMappings = [{ containerPort = 8000, hostPort = 8000, protocol = "tcp" }]
    stopTimeout  = 5
  }])
}

resource "aws_ecs_service" "this" {
  name            = "temu-tf"
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.this.arn
  launch_type     = "FARGATE"
  desired_count   = 1

  availability_zone_rebalancing = "ENABLED"
  wait_for_steady_state         = true

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  load_balancer {
    container_name   = "app"
    container_port   = 8000
    target_group_arn = aws_lb_target_group.this.arn
  }

  network_configuration {
    assign_public_ip = true
    security_groups  = [aws_security_group.this.id]
    subnets          = [for subnet in aws_subnet.this : subnet.id]
  }

  depends_on = [aws_iam_role_policy.execution, aws_lb_listener.this, aws_route.internet]

  lifecycle {
    ignore_changes = [desired_count]
  }
}

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this.name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = 1
  max_capacity       = 3
}

resource "aws_appautoscaling_policy" "this" {
  name               = "temu-tf"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  resource_id        = aws_appautoscaling_target.this.resource_id
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = 70
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  alarm_name          = "temu-tf"
  alarm_description   = "More than 10 of <these> & those"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_ELB_5XX_Count"
  statistic           = "Sum"
  dimensions          = { LoadBalancer = aws_lb.this.arn_suffix }
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = ["arn:aws:sns:us-east-1:000000000000:temu"]
}

output "load_balancer_dns_name" {
  description = "DNS name of the load balancer."
  value       = aws_lb.this.dns_name
}

# A command that listens on no port, once behind a service of one task that stops before its successor starts, and once on
# a schedule.
resource "aws_ecs_task_definition" "command" {
  family                   = "temu-tf_command"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.execution.arn

  container_definitions = jsonencode([{
    name         = "app"
    image        = var.image
    command      = ["python", "-c", "import signal; signal.pause()"]
    essential    = true
    healthCheck  = null
    portMappings = []
    stopTimeout  = 5
  }])
}

resource "aws_ecs_service" "command" {
  name            = "temu-tf_command"
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.command.arn
  launch_type     = "FARGATE"
  desired_count   = 1

  availability_zone_rebalancing      = "DISABLED"
  deployment_maximum_percent         = 100
  deployment_minimum_healthy_percent = 0

  network_configuration {
    assign_public_ip = true
    security_groups  = [aws_security_group.this.id]
    subnets          = [for subnet in aws_subnet.this : subnet.id]
  }
}

resource "aws_scheduler_schedule_group" "this" {
  name = "temu-tf"
}

resource "aws_iam_role" "scheduler" {
  name = "temu-tf-scheduler"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "scheduler.amazonaws.com" } }]
  })
}

resource "aws_scheduler_schedule" "this" {
  name                         = "temu-tf_command"
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = "cron(0 3 * * ? *)"
  schedule_expression_timezone = "Europe/Berlin"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_ecs_cluster.this.arn
    role_arn = aws_iam_role.scheduler.arn

    ecs_parameters {
      enable_ecs_managed_tags = true
      launch_type             = "FARGATE"
      propagate_tags          = "TASK_DEFINITION"
      task_definition_arn     = aws_ecs_task_definition.command.arn

      network_configuration {
        assign_public_ip = true
        security_groups  = [aws_security_group.this.id]
        subnets          = [for subnet in aws_subnet.this : subnet.id]
      }
    }

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 10
    }
  }
}

resource "aws_cloudwatch_event_rule" "this" {
  name = "temu-tf_command"

  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail = {
      "$or" = [{ containers = { exitCode = [{ anything-but = [0] }] } }, { stopCode = ["TaskFailedToStart"] }]
    }
  })
}
