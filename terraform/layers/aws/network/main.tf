resource "aws_vpc" "this" {
  #checkov:skip=CKV2_AWS_11:off by default, because it costs; inventories/prod has it on (network_flow_log_traffic_type)
  cidr_block           = var.cidr_block
  enable_dns_hostnames = true
  enable_dns_support   = true

  tags = { Name = var.name }
}

# AWS makes this group with every VPC and lets its members talk freely. It cannot be deleted, so it is emptied:
# what is started without a group of its own reaches nothing.
resource "aws_default_security_group" "this" {
  vpc_id  = aws_vpc.this.id
  egress  = []
  ingress = []

  tags = { Name = "${var.name}-default-closed" }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }
}
