# The application's group lives with the database, which allows it and nothing else. The service layer adds who may
# reach the application.
resource "aws_security_group" "app" {
  #checkov:skip=CKV2_AWS_5:attached to tasks and instances by the layer service
  name        = "${var.name}-app"
  description = "Application tasks of ${var.name}"
  vpc_id      = var.network_vpc_id

  tags = { Name = "${var.name}-app" }
}

resource "aws_vpc_security_group_egress_rule" "app_to_https" {
  security_group_id = aws_security_group.app.id
  description       = "HTTPS to AWS APIs, the image registry and other services"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_egress_rule" "app_to_database" {
  count = local.database_enabled ? 1 : 0

  security_group_id            = aws_security_group.app.id
  description                  = "PostgreSQL to the database"
  ip_protocol                  = "tcp"
  from_port                    = local.instance.port
  to_port                      = local.instance.port
  referenced_security_group_id = local.instance.security_group_id
}

resource "aws_security_group" "database" {
  count = local.instance_made ? 1 : 0

  name        = "${var.name}-database"
  description = "Database of ${var.name}"
  vpc_id      = var.network_vpc_id

  tags = { Name = "${var.name}-database" }
}

resource "aws_vpc_security_group_ingress_rule" "database_from_app" {
  count = local.database_enabled ? 1 : 0

  security_group_id            = local.instance.security_group_id
  description                  = "PostgreSQL from the application tasks"
  ip_protocol                  = "tcp"
  from_port                    = local.instance.port
  to_port                      = local.instance.port
  referenced_security_group_id = aws_security_group.app.id
}
