locals {
  https_enabled = var.domain_name != null
}

resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_91:off by default, because it costs; inventories/prod has it on (network_access_logs_enabled)
  #checkov:skip=CKV_AWS_150:off by default; inventories/prod has it on
  #checkov:skip=CKV2_AWS_28:a firewall for web applications costs by rule and request, and its rules are the application's
  name               = var.name
  load_balancer_type = "application"
  internal           = false
  security_groups    = [aws_security_group.load_balancer.id]
  subnets            = var.public_subnet_ids

  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection

  dynamic "access_logs" {
    for_each = var.access_log_bucket_name == null ? [] : [var.access_log_bucket_name]

    content {
      bucket  = access_logs.value
      enabled = true
    }
  }
}

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; its security group alone reaches the application
  name        = var.name
  vpc_id      = var.vpc_id
  target_type = var.target_type
  protocol    = "HTTP"
  # ECS registers each task with its own port, an Auto Scaling group its instances with this one. A change would
  # replace the group, which AWS refuses while a listener uses it.
  port = var.target_type == "instance" ? var.container_port : 80

  # Long enough for a request in flight; the default of 300 seconds only makes every deployment slower.
  deregistration_delay = 30

  health_check {
    path                = var.health_check_path
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "http" {
  #checkov:skip=CKV_AWS_2:redirects to HTTPS, if the application has a domain name
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = local.https_enabled ? "redirect" : "forward"
    target_group_arn = local.https_enabled ? null : aws_lb_target_group.this.arn

    dynamic "redirect" {
      for_each = local.https_enabled ? [1] : []

      content {
        port        = "443"
        protocol    = "HTTPS"
        status_code = "HTTP_301"
      }
    }
  }
}

resource "aws_lb_listener" "https" {
  count = local.https_enabled ? 1 : 0

  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  certificate_arn   = aws_acm_certificate_validation.this[0].certificate_arn
  ssl_policy        = var.ssl_policy

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}
