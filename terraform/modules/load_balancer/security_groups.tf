resource "aws_security_group" "load_balancer" {
  name        = "${var.name}-load-balancer"
  description = "Load balancer of ${var.name}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-load-balancer" }

  lifecycle {
    # Terraform destroys before it updates, unless told otherwise. Where an app moves to another load balancer, the rule of
    # its own group would name this one until it is gone, and AWS keeps a group that is named. Another name or VPC alone
    # replaces this one, so the name is free.
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer_http" {
  #checkov:skip=CKV_AWS_260:redirects to HTTPS, if the application has a domain name
  security_group_id = aws_security_group.load_balancer.id
  description       = "HTTP from anywhere"
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer_https" {
  count = local.https_enabled ? 1 : 0

  security_group_id = aws_security_group.load_balancer.id
  description       = "HTTPS from anywhere"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}
