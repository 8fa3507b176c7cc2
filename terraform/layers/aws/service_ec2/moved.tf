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
  from = aws_launch_template.this
  to   = aws_launch_template.this["web"]
}
