locals {
  private_subnets = { for i, zone in var.availability_zones : zone => var.private_subnet_cidr_blocks[i] }
  public_subnets  = { for i, zone in var.availability_zones : zone => var.public_subnet_cidr_blocks[i] }
}

resource "aws_subnet" "public" {
  for_each = local.public_subnets

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_subnet" "private" {
  for_each = local.private_subnets

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-private-${each.key}" }
}
