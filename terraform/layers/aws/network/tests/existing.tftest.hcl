mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws", reverse_dns_prefix = "com.amazonaws" }
  }

  override_data {
    target = data.aws_vpc.existing
    values = { id = "vpc-0a", enable_dns_hostnames = true, enable_dns_support = true }
  }
  override_data {
    target = data.aws_subnet.existing["subnet-0a"]
    values = { id = "subnet-0a", vpc_id = "vpc-0a", availability_zone = "us-east-1a" }
  }
  override_data {
    target = data.aws_subnet.existing["subnet-0b"]
    values = { id = "subnet-0b", vpc_id = "vpc-0a", availability_zone = "us-east-1b" }
  }
  override_data {
    target = data.aws_subnet.existing["subnet-0c"]
    values = { id = "subnet-0c", vpc_id = "vpc-0a", availability_zone = "us-east-1a" }
  }
  override_data {
    target = data.aws_subnet.existing["subnet-0d"]
    values = { id = "subnet-0d", vpc_id = "vpc-0a", availability_zone = "us-east-1b" }
  }
  override_data {
    target = data.aws_route_tables.existing
    values = { ids = ["rtb-0a", "rtb-0b"] }
  }
  # The main one, which subnets have without an association, and that of the public subnets.
  override_data {
    target = data.aws_route_table.existing["rtb-0a"]
    values = {
      associations = [{ gateway_id = "", main = true, route_table_association_id = "rtbassoc-0a", route_table_id = "rtb-0a", subnet_id = "" }]
      routes       = [{ carrier_gateway_id = "", cidr_block = "0.0.0.0/0", core_network_arn = "", destination_prefix_list_id = "", egress_only_gateway_id = "", gateway_id = "", instance_id = "", ipv6_cidr_block = "", local_gateway_id = "", nat_gateway_id = "nat-0a", network_interface_id = "", transit_gateway_id = "", vpc_endpoint_id = "", vpc_peering_connection_id = "" }]
    }
  }
  override_data {
    target = data.aws_route_table.existing["rtb-0b"]
    values = {
      associations = [
        { gateway_id = "", main = false, route_table_association_id = "rtbassoc-0c", route_table_id = "rtb-0b", subnet_id = "subnet-0c" },
        { gateway_id = "", main = false, route_table_association_id = "rtbassoc-0d", route_table_id = "rtb-0b", subnet_id = "subnet-0d" },
      ]
      routes = [{ carrier_gateway_id = "", cidr_block = "0.0.0.0/0", core_network_arn = "", destination_prefix_list_id = "", egress_only_gateway_id = "", gateway_id = "igw-0a", instance_id = "", ipv6_cidr_block = "", local_gateway_id = "", nat_gateway_id = "", network_interface_id = "", transit_gateway_id = "", vpc_endpoint_id = "", vpc_peering_connection_id = "" }]
    }
  }
  override_data {
    target = data.aws_lb_listener.existing
    values = { load_balancer_arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/shared/0a", protocol = "HTTPS" }
  }
}

variables {
  account_id         = "111122223333"
  name               = "dev-shared"
  private_subnet_ids = ["subnet-0b", "subnet-0a"]
  public_subnet_ids  = ["subnet-0c", "subnet-0d"]
  tags               = { Environment = "development", Project = "task-management-api" }
  vpc_id             = "vpc-0a"
}

run "nothing_is_made" {
  command = plan

  assert {
    condition     = output.vpc_id == "vpc-0a" && output.private_subnet_ids == ["subnet-0b", "subnet-0a"] && output.public_subnet_ids == ["subnet-0c", "subnet-0d"]
    error_message = "Apps are in the VPC and in the subnets that were given."
  }

  assert {
    condition = 0 == sum([for made in [
      aws_vpc.this, aws_default_security_group.this, aws_internet_gateway.this, aws_subnet.public, aws_subnet.private,
      aws_route_table.public, aws_route_table.private, aws_route.internet, aws_route.nat, aws_eip.nat, aws_nat_gateway.this,
      aws_route_table_association.public, aws_route_table_association.private, aws_vpc_endpoint.s3,
    ] : length(made)])
    error_message = "Nothing in the VPC is changed."
  }
}

run "load_balancer_in_it" {
  command = plan

  variables {
    load_balancer_zone_create = true
    load_balancer_zone_name   = "staging.example.org"
  }

  assert {
    condition     = length(module.load_balancer) == 1
    error_message = "Apps may share a load balancer in the VPC."
  }
}

run "load_balancer_that_exists" {
  command = plan

  variables {
    load_balancer_https_listener_arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/shared/0a/0b"
    load_balancer_zone_name          = "staging.example.org"
  }

  override_data {
    target = data.aws_lb.existing
    values = { arn_suffix = "app/shared/0a", dns_name = "shared.example.com", name = "shared", security_groups = ["sg-0b", "sg-0a"], vpc_id = "vpc-0a", zone_id = "Z1" }
  }
  override_data {
    target = data.aws_route53_zone.existing
    values = { zone_id = "Z2" }
  }

  assert {
    condition = length(module.load_balancer) == 0 && length(aws_cloudwatch_metric_alarm.load_balancer_5xx) == 0 && output.load_balancer == {
      arn_suffix          = "app/shared/0a"
      dns_name            = "shared.example.com"
      domain_name         = "staging.example.org"
      https_listener_arn  = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/shared/0a/0b"
      security_group_id   = "sg-0a"
      zone_id             = "Z2"
      zone_id_of_dns_name = "Z1"
    }
    error_message = "Apps find the load balancer that exists where they find one that is made."
  }
}

run "rejects_a_listener_without_a_certificate" {
  command = plan

  variables {
    load_balancer_https_listener_arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/shared/0a/0b"
    load_balancer_zone_name          = "staging.example.org"
  }

  override_data {
    target = data.aws_lb_listener.existing
    values = { protocol = "HTTP" }
  }

  expect_failures = [data.aws_lb_listener.existing]
}

run "rejects_a_load_balancer_of_another_vpc" {
  command = plan

  variables {
    load_balancer_https_listener_arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/shared/0a/0b"
    load_balancer_zone_name          = "staging.example.org"
  }

  override_data {
    target = data.aws_lb.existing
    values = { name = "shared", security_groups = ["sg-0a"], vpc_id = "vpc-0b" }
  }

  expect_failures = [data.aws_lb.existing]
}

run "rejects_a_load_balancer_without_a_zone_that_exists" {
  command = plan

  variables {
    load_balancer_https_listener_arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/shared/0a/0b"
    load_balancer_zone_create        = true
    load_balancer_zone_name          = "staging.example.org"
  }

  expect_failures = [var.load_balancer_https_listener_arn]
}

run "rejects_subnets_of_the_other_kind" {
  command = plan

  variables {
    private_subnet_ids = ["subnet-0c", "subnet-0b"]
    public_subnet_ids  = ["subnet-0a", "subnet-0d"]
  }

  expect_failures = [output.private_subnet_ids, output.public_subnet_ids]
}

run "rejects_subnets_of_one_zone" {
  command = plan

  variables {
    private_subnet_ids = ["subnet-0a"]
    public_subnet_ids  = ["subnet-0c"]
  }

  expect_failures = [output.private_subnet_ids, output.public_subnet_ids]
}

run "rejects_a_subnet_of_another_vpc" {
  command = plan

  override_data {
    target = data.aws_subnet.existing["subnet-0b"]
    values = { id = "subnet-0b", vpc_id = "vpc-0b", availability_zone = "us-east-1b" }
  }

  expect_failures = [data.aws_subnet.existing]
}

run "rejects_a_vpc_without_names" {
  command = plan

  override_data {
    target = data.aws_vpc.existing
    values = { id = "vpc-0a", enable_dns_hostnames = false, enable_dns_support = true }
  }

  expect_failures = [data.aws_vpc.existing]
}

run "rejects_a_vpc_without_subnets" {
  command = plan

  variables {
    private_subnet_ids = []
    public_subnet_ids  = []
  }

  expect_failures = [var.private_subnet_ids, var.public_subnet_ids]
}

run "rejects_subnets_without_a_vpc" {
  command = plan

  variables {
    vpc_id = null
  }

  expect_failures = [var.private_subnet_ids, var.public_subnet_ids]
}
