mock_provider "aws" {}

override_resource {
  target          = aws_lb.this
  override_during = plan
  values = {
    arn        = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/dev-tasks/1"
    arn_suffix = "app/dev-tasks/1"
    dns_name   = "dev-tasks-1.us-east-1.elb.amazonaws.com"
    zone_id    = "Z35SXDOTRQ7X7K"
  }
}

variables {
  app_security_group_id = "sg-app"
  container_port        = 8000
  deletion_protection   = false
  domain_name           = null
  health_check_path     = "/health"
  name                  = "dev-tasks"
  public_subnet_ids     = ["subnet-1", "subnet-2"]
  ssl_policy            = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  target_type           = "ip"
  vpc_id                = "vpc-1"
  zone_create           = false
  zone_name             = null
}

run "with_domain" {
  command = plan

  variables {
    domain_name = "tasks.example.org"
    zone_create = true
    zone_name   = "example.org"
  }

  assert {
    condition = (
      !aws_lb.this.internal
      && aws_lb.this.drop_invalid_header_fields
      && toset(aws_lb.this.subnets) == toset(["subnet-1", "subnet-2"])
    )
    error_message = "The load balancer faces the internet from the public subnets and drops malformed headers."
  }

  assert {
    condition     = length(aws_lb.this.access_logs) == 0
    error_message = "Without a bucket there are no access logs."
  }

  assert {
    condition = (
      aws_lb_target_group.this.target_type == "ip"
      && aws_lb_target_group.this.deregistration_delay == "30"
      && aws_lb_target_group.this.health_check[0].path == "/health"
      && aws_lb_target_group.this.health_check[0].matcher == "200"
    )
    error_message = "Tasks are healthy when GET /health answers 200."
  }

  assert {
    condition = (
      aws_lb_listener.https[0].port == 443
      && aws_lb_listener.https[0].protocol == "HTTPS"
      && aws_lb_listener.https[0].ssl_policy == "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
      && aws_lb_listener.https[0].default_action[0].type == "forward"
      && aws_lb_listener.http.port == 80
      && aws_lb_listener.http.default_action[0].type == "redirect"
      && aws_lb_listener.http.default_action[0].redirect[0].status_code == "HTTP_301"
      && aws_lb_listener.http.default_action[0].redirect[0].port == "443"
    )
    error_message = "HTTPS is served from TLS 1.2 up, and HTTP redirected to it."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.load_balancer_http.from_port == 80
      && aws_vpc_security_group_ingress_rule.load_balancer_https[0].from_port == 443
      && aws_vpc_security_group_egress_rule.load_balancer_to_app.referenced_security_group_id == "sg-app"
      && aws_vpc_security_group_egress_rule.load_balancer_to_app.from_port == 8000
      && aws_vpc_security_group_ingress_rule.app_from_load_balancer.security_group_id == "sg-app"
      && aws_vpc_security_group_ingress_rule.app_from_load_balancer.to_port == 8000
      && aws_vpc_security_group_ingress_rule.app_from_load_balancer.cidr_ipv4 == null
    )
    error_message = "Anybody reaches the load balancer on 80 and 443, and only the load balancer the application on 8000."
  }

  assert {
    condition = (
      aws_acm_certificate.this[0].domain_name == "tasks.example.org"
      && aws_acm_certificate.this[0].validation_method == "DNS"
      && aws_route53_zone.this[0].name == "example.org"
      && aws_route53_record.app[0].name == "tasks.example.org"
      && aws_route53_record.app[0].type == "A"
      && aws_route53_record.app[0].alias[0].name == "dev-tasks-1.us-east-1.elb.amazonaws.com"
    )
    error_message = "The name has a certificate and points to the load balancer."
  }

  assert {
    condition     = output.app_url == "https://tasks.example.org" && output.dns_name == "dev-tasks-1.us-east-1.elb.amazonaws.com" && output.arn_suffix == "app/dev-tasks/1"
    error_message = "The outputs say where the application is reached."
  }
}

run "without_domain" {
  command = plan

  assert {
    condition = (
      length(aws_lb_listener.https) == 0
      && length(aws_acm_certificate.this) == 0
      && length(aws_route53_record.app) == 0
      && length(aws_vpc_security_group_ingress_rule.load_balancer_https) == 0
      && aws_lb_listener.http.default_action[0].type == "forward"
      && output.app_url == "http://dev-tasks-1.us-east-1.elb.amazonaws.com"
    )
    error_message = "Without a domain the load balancer's own name serves HTTP, and nothing of HTTPS or DNS is made."
  }
}

run "instances_in_an_existing_zone" {
  command = plan

  variables {
    container_port      = 9000
    deletion_protection = true
    domain_name         = "example.org"
    health_check_path   = "/ready"
    ssl_policy          = "ELBSecurityPolicy-TLS13-1-3-2021-06"
    target_type         = "instance"
    zone_name           = "example.org"
  }

  assert {
    condition = (
      aws_lb.this.enable_deletion_protection
      && aws_lb_target_group.this.target_type == "instance"
      && aws_lb_target_group.this.port == 9000
      && aws_lb_target_group.this.health_check[0].path == "/ready"
      && aws_lb_listener.https[0].ssl_policy == "ELBSecurityPolicy-TLS13-1-3-2021-06"
      && aws_vpc_security_group_ingress_rule.app_from_load_balancer.from_port == 9000
      && length(aws_route53_zone.this) == 0
      && length(data.aws_route53_zone.existing) == 1
    )
    error_message = "Each setting reaches the load balancer, instances are registered at their port, and a zone that exists is used."
  }
}

run "rejects_another_type_of_target" {
  command = plan

  variables {
    target_type = "lambda"
  }

  expect_failures = [var.target_type]
}

run "access_logs" {
  command = plan

  variables {
    access_log_bucket_name = "dev-main-access-logs-111122223333"
  }

  assert {
    condition     = one(aws_lb.this.access_logs).enabled && one(aws_lb.this.access_logs).bucket == "dev-main-access-logs-111122223333"
    error_message = "Requests are logged in the bucket."
  }
}
