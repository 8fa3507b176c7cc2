locals {
  zones           = var.vpc_id == null ? var.availability_zones : []
  private_subnets = { for i, zone in local.zones : zone => var.private_subnet_cidr_blocks[i] }
  public_subnets  = { for i, zone in local.zones : zone => var.public_subnet_cidr_blocks[i] }

  private_subnet_ids = concat(
    [for zone in local.zones : aws_subnet.private[zone].id],
    [for id in var.private_subnet_ids : data.aws_subnet.existing[id].id],
  )
  public_subnet_ids = concat(
    [for zone in local.zones : aws_subnet.public[zone].id],
    [for id in var.public_subnet_ids : data.aws_subnet.existing[id].id],
  )
}

resource "aws_subnet" "public" {
  for_each = local.public_subnets

  vpc_id            = aws_vpc.this[0].id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_subnet" "private" {
  for_each = local.private_subnets

  vpc_id            = aws_vpc.this[0].id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-private-${each.key}" }
}
