resource "aws_route_table" "public" {
  count = local.vpc_count

  vpc_id = aws_vpc.this[0].id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route" "internet" {
  count = local.vpc_count

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  route_table_id = aws_route_table.public[0].id
  subnet_id      = each.value.id
}

# One for each zone in every NAT mode: a table is free, and a change of mode then changes routes alone.
resource "aws_route_table" "private" {
  for_each = aws_subnet.private

  vpc_id = aws_vpc.this[0].id

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route" "nat" {
  for_each = local.nat_zones

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[each.value].id
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  route_table_id = aws_route_table.private[each.key].id
  subnet_id      = each.value.id
}

locals {
  # In China S3 has the prefix that it has elsewhere, whatever that of the other services: cn.com.amazonaws.
  s3_prefix = trimprefix(data.aws_partition.current.reverse_dns_prefix, "cn.")
}

# Free, and keeps S3 traffic (image layers among it) off the NAT gateway, which charges by the gigabyte.
resource "aws_vpc_endpoint" "s3" {
  count = local.vpc_count

  vpc_id            = aws_vpc.this[0].id
  service_name      = "${local.s3_prefix}.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids = concat(
    [aws_route_table.public[0].id],
    [for zone in local.zones : aws_route_table.private[zone].id],
  )

  tags = { Name = "${var.name}-s3" }
}
