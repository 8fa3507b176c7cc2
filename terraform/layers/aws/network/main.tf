locals {
  vpc_count = var.vpc_id == null ? 1 : 0
  vpc_id    = one(concat(aws_vpc.this[*].id, data.aws_vpc.existing[*].id))
}

resource "aws_vpc" "this" {
  #checkov:skip=CKV2_AWS_11:off by default, because it costs; inventories/prod has it on (network_flow_log_traffic_type)
  count = local.vpc_count

  cidr_block           = var.cidr_block
  enable_dns_hostnames = true
  enable_dns_support   = true

  tags = { Name = var.name }
}

# AWS makes this group with every VPC and lets its members talk freely. It cannot be deleted, so it is emptied:
# what is started without a group of its own reaches nothing.
resource "aws_default_security_group" "this" {
  count = local.vpc_count

  vpc_id  = aws_vpc.this[0].id
  egress  = []
  ingress = []

  tags = { Name = "${var.name}-default-closed" }
}

resource "aws_internet_gateway" "this" {
  count = local.vpc_count

  vpc_id = aws_vpc.this[0].id

  tags = { Name = var.name }
}
