# A state of before the load balancer and its alarms were modules: they are kept, not made anew.

moved {
  from = aws_lb.this
  to   = module.load_balancer.aws_lb.this
}

moved {
  from = aws_lb_target_group.this
  to   = module.load_balancer.aws_lb_target_group.this
}

moved {
  from = aws_lb_listener.http
  to   = module.load_balancer.aws_lb_listener.http
}

moved {
  from = aws_lb_listener.https
  to   = module.load_balancer.aws_lb_listener.https
}

moved {
  from = aws_route53_zone.this
  to   = module.load_balancer.aws_route53_zone.this
}

moved {
  from = aws_route53_record.app
  to   = module.load_balancer.aws_route53_record.app
}

moved {
  from = aws_acm_certificate.this
  to   = module.load_balancer.aws_acm_certificate.this
}

moved {
  from = aws_route53_record.certificate_validation
  to   = module.load_balancer.aws_route53_record.certificate_validation
}

moved {
  from = aws_acm_certificate_validation.this
  to   = module.load_balancer.aws_acm_certificate_validation.this
}

moved {
  from = aws_security_group.load_balancer
  to   = module.load_balancer.aws_security_group.load_balancer
}

moved {
  from = aws_vpc_security_group_ingress_rule.load_balancer_http
  to   = module.load_balancer.aws_vpc_security_group_ingress_rule.load_balancer_http
}

moved {
  from = aws_vpc_security_group_ingress_rule.load_balancer_https
  to   = module.load_balancer.aws_vpc_security_group_ingress_rule.load_balancer_https
}

moved {
  from = aws_vpc_security_group_egress_rule.load_balancer_to_app
  to   = module.load_balancer.aws_vpc_security_group_egress_rule.load_balancer_to_app
}

moved {
  from = aws_vpc_security_group_ingress_rule.app_from_load_balancer
  to   = module.load_balancer.aws_vpc_security_group_ingress_rule.app_from_load_balancer
}

moved {
  from = aws_cloudwatch_metric_alarm.load_balancer_5xx
  to   = module.alarms.aws_cloudwatch_metric_alarm.load_balancer_5xx
}

moved {
  from = aws_cloudwatch_metric_alarm.app_5xx
  to   = module.alarms.aws_cloudwatch_metric_alarm.app_5xx
}

moved {
  from = aws_cloudwatch_metric_alarm.database_cpu
  to   = module.alarms.aws_cloudwatch_metric_alarm.database_cpu
}

# A state of before an app's target group was apart from its load balancer.

moved {
  from = module.load_balancer
  to   = module.load_balancer[0]
}

moved {
  from = module.load_balancer[0].aws_lb_target_group.this
  to   = module.target.aws_lb_target_group.this
}

moved {
  from = module.load_balancer[0].aws_route53_record.app
  to   = module.target.aws_route53_record.app
}

moved {
  from = module.load_balancer[0].aws_vpc_security_group_egress_rule.load_balancer_to_app
  to   = module.target.aws_vpc_security_group_egress_rule.load_balancer_to_app
}

moved {
  from = module.load_balancer[0].aws_vpc_security_group_ingress_rule.app_from_load_balancer
  to   = module.target.aws_vpc_security_group_ingress_rule.app_from_load_balancer
}

# A state of before an app had other processes than its web server.

moved {
  from = module.task
  to   = module.task["web"]
}
