# A VPC that somebody else keeps: it is read, and nothing in it is changed. outputs.tf has the rules on its subnets.
data "aws_vpc" "existing" {
  count = var.vpc_id == null ? 0 : 1

  id = var.vpc_id

  lifecycle {
    postcondition {
      condition     = self.enable_dns_hostnames && self.enable_dns_support
      error_message = "vpc_id is ${self.id}, where enableDnsHostnames is ${self.enable_dns_hostnames} and enableDnsSupport is ${self.enable_dns_support}; both must be true, because applications find databases by name."
    }
  }
}

data "aws_subnet" "existing" {
  for_each = toset(concat(var.private_subnet_ids, var.public_subnet_ids))

  id = each.key

  lifecycle {
    postcondition {
      condition     = self.vpc_id == var.vpc_id
      error_message = "${self.id} is in ${self.vpc_id}; private_subnet_ids and public_subnet_ids must be subnets of vpc_id ${jsonencode(var.vpc_id)}."
    }
  }
}

data "aws_route_tables" "existing" {
  count = length(data.aws_vpc.existing)

  vpc_id = var.vpc_id
}

data "aws_route_table" "existing" {
  for_each = toset(flatten(data.aws_route_tables.existing[*].ids))

  route_table_id = each.key
}

locals {
  # A subnet without a route table of its own has the main one of its VPC.
  main_route_tables = [for table in data.aws_route_table.existing : table if anytrue(table.associations[*].main)]

  existing_subnets = {
    for id, subnet in data.aws_subnet.existing : id => {
      zone = subnet.availability_zone
      route_table = concat(
        [for table in data.aws_route_table.existing : table if contains(table.associations[*].subnet_id, id)],
        local.main_route_tables,
      )[0]
    }
  }

  # Of each subnet, whether it has a route to an internet gateway.
  existing_subnet_is_public = {
    for id, subnet in local.existing_subnets : id => anytrue([
      for route in subnet.route_table.routes :
      route.cidr_block == "0.0.0.0/0" && startswith(route.gateway_id, "igw-")
    ])
  }
}

# A load balancer that somebody else keeps, by its listener: apps add their rules to it.
data "aws_lb_listener" "existing" {
  count = var.load_balancer_https_listener_arn == null ? 0 : 1

  arn = var.load_balancer_https_listener_arn

  lifecycle {
    postcondition {
      condition     = self.protocol == "HTTPS"
      error_message = "load_balancer_https_listener_arn is that of a listener for ${self.protocol}; it must be one for HTTPS: it has the certificate."
    }
  }
}

data "aws_lb" "existing" {
  count = length(data.aws_lb_listener.existing)

  arn = data.aws_lb_listener.existing[0].load_balancer_arn

  lifecycle {
    postcondition {
      condition     = self.vpc_id == var.vpc_id && length(self.security_groups) > 0
      error_message = "load_balancer_https_listener_arn is that of ${self.name}, which is in ${self.vpc_id} with ${length(self.security_groups)} security groups; it must be in vpc_id ${jsonencode(var.vpc_id)}, and have a security group: the apps allow its requests."
    }
  }
}

data "aws_route53_zone" "existing" {
  count = length(data.aws_lb_listener.existing)

  name = var.load_balancer_zone_name
}

locals {
  existing_load_balancer = merge({}, [for load_balancer in data.aws_lb.existing : {
    arn_suffix         = load_balancer.arn_suffix
    dns_name           = load_balancer.dns_name
    domain_name        = var.load_balancer_zone_name
    https_listener_arn = var.load_balancer_https_listener_arn
    # The rules of one are enough: a request that any of them allows goes out.
    security_group_id   = sort(load_balancer.security_groups)[0]
    zone_id             = data.aws_route53_zone.existing[0].zone_id
    zone_id_of_dns_name = load_balancer.zone_id
  }]...)
}
