locals {
  # Which zone's NAT gateway each zone's private subnet uses. A gateway costs by the hour and by the gigabyte, and
  # a second one only buys independence of the first one's zone.
  nat_zones = var.vpc_id != null ? {} : {
    none                  = {}
    per_availability_zone = { for zone in var.availability_zones : zone => zone }
    single                = { for zone in var.availability_zones : zone => var.availability_zones[0] }
  }[var.nat_gateway_mode]
}

resource "aws_eip" "nat" {
  for_each = toset(values(local.nat_zones))

  domain = "vpc"

  tags = { Name = "${var.name}-nat-${each.key}" }

  # AWS: an address of a VPC may need its internet gateway to exist first.
  depends_on = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "this" {
  for_each = toset(values(local.nat_zones))

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id

  tags = { Name = "${var.name}-${each.key}" }

  depends_on = [aws_internet_gateway.this]
}
