locals {
  https_enabled     = var.domain_name != null
  certificate_count = local.https_enabled && var.certificate_arn == null ? 1 : 0
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
  idle_timeout               = var.idle_timeout_seconds

  dynamic "access_logs" {
    for_each = var.access_log_bucket_name == null ? [] : [var.access_log_bucket_name]

    content {
      bucket  = access_logs.value
      enabled = true
    }
  }
}

resource "aws_lb_listener" "http" {
  #checkov:skip=CKV_AWS_2:redirects to HTTPS, if the application has a domain name
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = local.https_enabled ? "redirect" : "forward"
    target_group_arn = local.https_enabled ? null : var.target_group_arn

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
  certificate_arn   = one(concat(aws_acm_certificate_validation.this[*].certificate_arn, var.certificate_arn[*]))
  ssl_policy        = var.ssl_policy

  default_action {
    type             = var.target_group_arn == null ? "fixed-response" : "forward"
    target_group_arn = var.target_group_arn

    dynamic "fixed_response" {
      for_each = var.target_group_arn == null ? [1] : []

      content {
        content_type = "text/plain"
        message_body = "No application has this host name."
        status_code  = "404"
      }
    }
  }
}
