mock_provider "aws" {}

variables {
  app_security_group_id           = "sg-app"
  container_port                  = 8000
  health_check_path               = "/health"
  load_balancer_dns_name          = "dev-tasks-1.us-east-1.elb.amazonaws.com"
  load_balancer_security_group_id = "sg-load-balancer"
  load_balancer_zone_id           = "Z35SXDOTRQ7X7K"
  name                            = "dev-tasks"
  target_type                     = "ip"
  vpc_id                          = "vpc-1"
}

run "of_a_load_balancer_of_its_own" {
  command = plan

  variables {
    domain_name = "tasks.example.org"
    zone_id     = "Z1"
  }

  assert {
    condition = (
      aws_lb_target_group.this.name == "dev-tasks"
      && aws_lb_target_group.this.target_type == "ip"
      && aws_lb_target_group.this.deregistration_delay == "30"
      && aws_lb_target_group.this.health_check[0].path == "/health"
      && aws_lb_target_group.this.health_check[0].matcher == "200"
      && output.health_check == "GET /health with 200"
      && length(aws_lb_listener_rule.this) == 0
    )
    error_message = "Tasks are healthy when GET /health answers 200, and the listener needs no rule."
  }

  assert {
    condition = (
      aws_vpc_security_group_egress_rule.load_balancer_to_app.security_group_id == "sg-load-balancer"
      && aws_vpc_security_group_egress_rule.load_balancer_to_app.referenced_security_group_id == "sg-app"
      && aws_vpc_security_group_egress_rule.load_balancer_to_app.from_port == 8000
      && aws_vpc_security_group_ingress_rule.app_from_load_balancer.security_group_id == "sg-app"
      && aws_vpc_security_group_ingress_rule.app_from_load_balancer.referenced_security_group_id == "sg-load-balancer"
      && aws_vpc_security_group_ingress_rule.app_from_load_balancer.to_port == 8000
      && aws_vpc_security_group_ingress_rule.app_from_load_balancer.cidr_ipv4 == null
    )
    error_message = "The load balancer alone reaches the application, on 8000."
  }

  assert {
    condition = (
      aws_route53_record.app[0].zone_id == "Z1"
      && aws_route53_record.app[0].name == "tasks.example.org"
      && aws_route53_record.app[0].type == "A"
      && aws_route53_record.app[0].alias[0].name == "dev-tasks-1.us-east-1.elb.amazonaws.com"
      && output.app_url == "https://tasks.example.org"
    )
    error_message = "The name points to the load balancer."
  }
}

run "without_domain" {
  command = plan

  assert {
    condition     = length(aws_route53_record.app) == 0 && output.app_url == "http://dev-tasks-1.us-east-1.elb.amazonaws.com"
    error_message = "Without a domain the load balancer's own name serves HTTP, and there is no record."
  }
}

run "instances_on_a_shared_load_balancer" {
  command = plan

  variables {
    container_port = 9000
    domain_name    = "web.example.org"
    listener_arn   = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/dev-main/1/2"
    shared         = true
    target_type    = "instance"
    zone_id        = "Z1"
  }

  assert {
    condition = (
      aws_lb_target_group.this.name == "dev-tasks-net"
      && aws_lb_target_group.this.port == 9000
      && aws_lb_listener_rule.this[0].listener_arn == "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/dev-main/1/2"
      && one(one(aws_lb_listener_rule.this[0].condition).host_header).values == toset(["web.example.org"])
      && aws_lb_listener_rule.this[0].action[0].type == "forward"
      && aws_vpc_security_group_ingress_rule.app_from_load_balancer.from_port == 9000
    )
    error_message = "The listener forwards the app's host name to instances at their port, in a target group of another name."
  }
}

run "rejects_another_type_of_target" {
  command = plan

  variables {
    target_type = "lambda"
  }

  expect_failures = [var.target_type]
}

run "without_a_path" {
  command = plan

  variables {
    health_check_path = null
  }

  assert {
    condition = (
      aws_lb_target_group.this.health_check[0].path == "/healthz"
      && aws_lb_target_group.this.health_check[0].matcher == "200-499"
      && output.health_check == "GET /healthz with 200-499"
    )
    error_message = "An application that has no path for it is healthy when it answers, but for its own errors."
  }
}

run "other_codes" {
  command = plan

  variables {
    health_check_codes = "200,301"
  }

  assert {
    condition     = aws_lb_target_group.this.health_check[0].path == "/health" && aws_lb_target_group.this.health_check[0].matcher == "200,301"
    error_message = "Codes that are given are those that count."
  }
}
