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
  deletion_protection = false
  domain_name         = null
  name                = "dev-tasks"
  public_subnet_ids   = ["subnet-1", "subnet-2"]
  ssl_policy          = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  target_group_arn    = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/dev-tasks/1"
  vpc_id              = "vpc-1"
  zone_create         = false
  zone_name           = null
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
      && aws_lb.this.idle_timeout == 60
      && toset(aws_lb.this.subnets) == toset(["subnet-1", "subnet-2"])
    )
    error_message = "The load balancer faces the internet from the public subnets, drops malformed headers, and waits for 60 seconds."
  }

  assert {
    condition     = length(aws_lb.this.access_logs) == 0
    error_message = "Without a bucket there are no access logs."
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
    )
    error_message = "Anybody reaches the load balancer on 80 and 443."
  }

  assert {
    condition = (
      aws_acm_certificate.this[0].domain_name == "tasks.example.org"
      && aws_acm_certificate.this[0].validation_method == "DNS"
      && aws_route53_zone.this[0].name == "example.org"
    )
    error_message = "The name has a certificate."
  }

  assert {
    condition     = output.dns_name == "dev-tasks-1.us-east-1.elb.amazonaws.com" && output.arn_suffix == "app/dev-tasks/1"
    error_message = "The outputs say where the load balancer is reached."
  }
}

run "without_domain" {
  command = plan

  assert {
    condition = (
      length(aws_lb_listener.https) == 0
      && length(aws_acm_certificate.this) == 0
      && length(aws_vpc_security_group_ingress_rule.load_balancer_https) == 0
      && aws_lb_listener.http.default_action[0].type == "forward"
      && output.https_listener_arn == null
    )
    error_message = "Without a domain the load balancer's own name serves HTTP, and nothing of HTTPS or DNS is made."
  }
}

run "in_an_existing_zone" {
  command = plan

  variables {
    deletion_protection  = true
    domain_name          = "example.org"
    idle_timeout_seconds = 300
    ssl_policy           = "ELBSecurityPolicy-TLS13-1-3-2021-06"
    zone_name            = "example.org"
  }

  assert {
    condition = (
      aws_lb.this.enable_deletion_protection
      && aws_lb.this.idle_timeout == 300
      && aws_lb_listener.https[0].ssl_policy == "ELBSecurityPolicy-TLS13-1-3-2021-06"
      && length(aws_route53_zone.this) == 0
      && length(data.aws_route53_zone.existing) == 1
    )
    error_message = "Each setting reaches the load balancer, and a zone that exists is used."
  }
}

run "with_a_certificate_that_exists" {
  command = plan

  variables {
    certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/0a"
    domain_name     = "tasks.example.org"
    zone_name       = "example.org"
  }

  assert {
    condition = (
      aws_lb_listener.https[0].certificate_arn == "arn:aws:acm:us-east-1:111122223333:certificate/0a"
      && length(aws_acm_certificate.this) == 0
      && length(aws_acm_certificate_validation.this) == 0
      && length(aws_route53_record.certificate_validation) == 0
    )
    error_message = "The listener has the certificate that exists, and none is made."
  }
}

run "of_several_apps" {
  command = plan

  variables {
    domain_name      = "*.example.org"
    target_group_arn = null
    zone_create      = true
    zone_name        = "example.org"
  }

  assert {
    condition = (
      aws_lb_listener.https[0].default_action[0].type == "fixed-response"
      && aws_lb_listener.https[0].default_action[0].fixed_response[0].status_code == "404"
      && aws_lb_listener.http.default_action[0].type == "redirect"
      && aws_acm_certificate.this[0].domain_name == "*.example.org"
    )
    error_message = "A host name that no rule knows gets 404, and one certificate holds for all names."
  }
}

run "rejects_several_apps_without_https" {
  command = plan

  variables {
    target_group_arn = null
  }

  expect_failures = [var.target_group_arn]
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
