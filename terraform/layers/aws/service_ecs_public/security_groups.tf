# Who may reach the application; where the application may go stands in its group of the data layer, which the tasks
# have as well.
resource "aws_security_group" "public" {
  name        = "${var.name}-public"
  description = "Public access to the application tasks of ${var.name}"
  vpc_id      = var.network_vpc_id

  tags = { Name = "${var.name}-public" }
}

resource "aws_vpc_security_group_ingress_rule" "app" {
  for_each = toset(var.allowed_cidr_blocks)

  security_group_id = aws_security_group.public.id
  description       = "Requests from ${each.value}"
  ip_protocol       = "tcp"
  from_port         = var.container_port
  to_port           = var.container_port
  cidr_ipv4         = each.value
}
