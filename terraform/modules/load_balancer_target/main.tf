locals {
  https_enabled = var.domain_name != null

  health_check_path = coalesce(var.health_check_path, "/healthz")
  # An application that has no such path answers 404, or what it answers to everybody; none of that is an error of its
  # own. More than this range a load balancer does not take.
  health_check_codes = coalesce(var.health_check_codes, var.health_check_path == null ? "200-499" : "200")
}

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; its security group alone reaches the application
  # AWS lets a target group be used by one load balancer. An app that moves to the other gets a second group first.
  name        = var.shared ? "${var.name}-net" : var.name
  vpc_id      = var.vpc_id
  target_type = var.target_type
  protocol    = "HTTP"
  # ECS registers each task with its own port, an Auto Scaling group its instances with this one. A change would
  # replace the group, which AWS refuses while a listener uses it.
  port = var.target_type == "instance" ? var.container_port : 80

  # Long enough for a request in flight; the default of 300 seconds only makes every deployment slower.
  deregistration_delay = 30

  health_check {
    path                = local.health_check_path
    matcher             = local.health_check_codes
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener_rule" "this" {
  count = var.shared ? 1 : 0

  # No priority: the provider takes the next free one, and again when another app was faster. Which it is does not
  # matter, since no two rules have a host name in common.
  listener_arn = var.listener_arn

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }

  condition {
    host_header {
      values = [var.domain_name]
    }
  }

  tags = { Name = var.name }
}

resource "aws_route53_record" "app" {
  count = local.https_enabled ? 1 : 0

  zone_id = var.zone_id
  name    = var.domain_name
  type    = "A"

  alias {
    name                   = var.load_balancer_dns_name
    zone_id                = var.load_balancer_zone_id
    evaluate_target_health = true
  }
}

resource "aws_vpc_security_group_egress_rule" "load_balancer_to_app" {
  security_group_id            = var.load_balancer_security_group_id
  description                  = "Requests and health checks to ${var.name}"
  ip_protocol                  = "tcp"
  from_port                    = var.container_port
  to_port                      = var.container_port
  referenced_security_group_id = var.app_security_group_id
}

resource "aws_vpc_security_group_ingress_rule" "app_from_load_balancer" {
  security_group_id            = var.app_security_group_id
  description                  = "Requests and health checks from the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = var.container_port
  to_port                      = var.container_port
  referenced_security_group_id = var.load_balancer_security_group_id
}
