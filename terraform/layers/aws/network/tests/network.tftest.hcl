mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws", reverse_dns_prefix = "com.amazonaws" }
  }
}

variables {
  account_id = "111122223333"
  name       = "dev-shared"
  tags       = { Environment = "development", Project = "task-management-api" }
}

run "defaults" {
  command = plan

  assert {
    condition     = aws_vpc.this[0].cidr_block == "10.0.0.0/16" && aws_vpc.this[0].enable_dns_hostnames && aws_vpc.this[0].enable_dns_support
    error_message = "The VPC is 10.0.0.0/16 with DNS."
  }

  assert {
    condition     = length(module.load_balancer) == 0 && length(output.load_balancer) == 0 && length(aws_cloudwatch_metric_alarm.load_balancer_5xx) == 0
    error_message = "There is no load balancer that nobody asked for."
  }

  assert {
    condition = { for zone, subnet in aws_subnet.public : zone => subnet.cidr_block } == {
      us-east-1a = "10.0.1.0/24"
      us-east-1b = "10.0.2.0/24"
    }
    error_message = "The public subnets are 10.0.1.0/24 and 10.0.2.0/24 in two zones."
  }

  assert {
    condition = { for zone, subnet in aws_subnet.private : zone => subnet.cidr_block } == {
      us-east-1a = "10.0.10.0/24"
      us-east-1b = "10.0.11.0/24"
    }
    error_message = "The private subnets are 10.0.10.0/24 and 10.0.11.0/24 in two zones."
  }

  assert {
    condition     = keys(aws_nat_gateway.this) == ["us-east-1a"] && keys(aws_route.nat) == ["us-east-1a", "us-east-1b"]
    error_message = "One NAT gateway serves both zones."
  }

  assert {
    condition     = aws_route.internet[0].destination_cidr_block == "0.0.0.0/0" && length(aws_route_table_association.public) == 2 && length(aws_route_table_association.private) == 2
    error_message = "Public subnets route to the internet gateway, and every subnet has a table of its kind."
  }

  assert {
    condition     = aws_vpc_endpoint.s3[0].service_name == "com.amazonaws.us-east-1.s3" && aws_vpc_endpoint.s3[0].vpc_endpoint_type == "Gateway"
    error_message = "S3 is reached through a gateway endpoint."
  }
}

run "no_logs_by_default" {
  command = plan

  assert {
    condition     = output.access_log_bucket_name == null && length(aws_s3_bucket.access_logs) == 0 && length(aws_flow_log.this) == 0 && length(aws_iam_role.flow_logs) == 0
    error_message = "What costs money is not there until it is asked for."
  }
}

run "access_logs" {
  command = plan

  variables {
    access_log_bucket_force_destroy = true
    access_log_expiration_days      = 30
    access_logs_enabled             = true
  }

  assert {
    condition = (
      aws_s3_bucket.access_logs[0].bucket == "dev-shared-access-logs-111122223333"
      && aws_s3_bucket.access_logs[0].force_destroy
      && one(aws_s3_bucket_server_side_encryption_configuration.access_logs[0].rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
      && one(aws_s3_bucket_ownership_controls.access_logs[0].rule).object_ownership == "BucketOwnerEnforced"
      && one(aws_s3_bucket_lifecycle_configuration.access_logs[0].rule).expiration[0].days == 30
      && aws_s3_bucket_public_access_block.access_logs[0].restrict_public_buckets
    )
    error_message = "The bucket encrypts with AES-256, the one encryption that load balancers write with, is private and deletes old logs."
  }

  assert {
    condition = { for statement in jsondecode(aws_s3_bucket_policy.access_logs[0].policy).Statement : statement.Sid => try(statement.Principal.Service, statement.Effect) } == {
      Buckets        = "logging.s3.amazonaws.com"
      DenyWithoutTls = "Deny"
      LoadBalancers  = "logdelivery.elasticloadbalancing.amazonaws.com"
    }
    error_message = "AWS's two deliveries write, and nobody comes without TLS."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.access_logs[0].policy).Statement[1].Resource == ["arn:aws:s3:::dev-shared-access-logs-111122223333/AWSLogs/111122223333/*"]
    error_message = "Load balancers of other accounts write nothing."
  }
}

run "flow_logs" {
  command = plan

  variables {
    flow_log_retention_days = 30
    flow_log_traffic_type   = "REJECT"
  }

  assert {
    condition     = aws_flow_log.this[0].traffic_type == "REJECT" && aws_cloudwatch_log_group.flow_logs[0].name == "dev-shared/flow-logs" && aws_cloudwatch_log_group.flow_logs[0].retention_in_days == 30
    error_message = "The VPC logs what is rejected."
  }

  assert {
    condition     = jsondecode(aws_iam_role.flow_logs[0].assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "No other account's flow logs take the role."
  }
}

run "nat_gateway_in_each_zone_of_three" {
  command = plan

  variables {
    availability_zones         = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    cidr_block                 = "192.168.100.0/24"
    nat_gateway_mode           = "per_availability_zone"
    private_subnet_cidr_blocks = ["192.168.100.64/26", "192.168.100.128/26", "192.168.100.192/26"]
    public_subnet_cidr_blocks  = ["192.168.100.0/28", "192.168.100.16/28", "192.168.100.32/28"]
    region                     = "eu-west-1"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && length(aws_eip.nat) == 3 && length(aws_route.nat) == 3
    error_message = "Each zone has a NAT gateway of its own."
  }
}

run "no_nat_gateway" {
  command = plan

  variables {
    nat_gateway_mode = "none"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_eip.nat) == 0 && length(aws_route.nat) == 0 && length(aws_route_table.private) == 2
    error_message = "Without NAT, private subnets keep their tables and have no way out."
  }
}

run "load_balancer_for_several_apps" {
  command = plan

  variables {
    alarm_action_arns                  = ["arn:aws:sns:us-east-1:111122223333:on-call"]
    load_balancer_certificate_arn      = "arn:aws:acm:us-east-1:111122223333:certificate/0a"
    load_balancer_deletion_protection  = true
    load_balancer_idle_timeout_seconds = 300
    load_balancer_ssl_policy           = "ELBSecurityPolicy-TLS13-1-3-2021-06"
    load_balancer_zone_create          = true
    load_balancer_zone_name            = "staging.example.org"
  }

  assert {
    condition     = length(module.load_balancer) == 1 && output.load_balancer.domain_name == "staging.example.org"
    error_message = "Apps find the load balancer in an output."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.load_balancer_5xx[0].metric_name == "HTTPCode_ELB_5XX_Count"
      && aws_cloudwatch_metric_alarm.load_balancer_5xx[0].threshold == 10
      && aws_cloudwatch_metric_alarm.load_balancer_5xx[0].alarm_actions == toset(["arn:aws:sns:us-east-1:111122223333:on-call"])
    )
    error_message = "The load balancer's own 5xx set off the network's alarm."
  }
}

run "rejects_a_load_balancer_without_a_zone" {
  command = plan

  variables {
    alarm_action_arns                  = ["operations"]
    load_balancer_certificate_arn      = "arn:aws:acm:us-east-1:111122223333:certificate/0a"
    load_balancer_idle_timeout_seconds = 4001
    load_balancer_ssl_policy           = "ELBSecurityPolicy-2016-08"
    load_balancer_zone_create          = true
  }

  expect_failures = [
    var.alarm_action_arns, var.load_balancer_certificate_arn, var.load_balancer_idle_timeout_seconds, var.load_balancer_ssl_policy,
    var.load_balancer_zone_create,
  ]
}

run "rejects_wrong_values" {
  command = plan

  variables {
    cidr_block       = "10.0.0.5/16"
    name             = "dev_shared"
    nat_gateway_mode = "both"
    tags             = {}
  }

  expect_failures = [var.cidr_block, var.name, var.nat_gateway_mode, var.tags]
}

run "rejects_values_just_outside" {
  command = plan

  variables {
    cidr_block = "10.0.0.0/15"
    name       = "dev-a-name-of-29-characters-x"
    tags       = { Project = "task-management-api" }
  }

  expect_failures = [var.cidr_block, var.name, var.tags]
}

# The rules on private subnets look at the public ones too, so Terraform does not come to them when those are wrong.
run "rejects_malformed_public_subnets" {
  command = plan

  variables {
    public_subnet_cidr_blocks = ["10.0.1/24", "10.0.2.0/24"]
  }

  expect_failures = [var.public_subnet_cidr_blocks]
}

run "rejects_too_small_private_subnets" {
  command = plan

  variables {
    private_subnet_cidr_blocks = ["10.0.10.0/29", "10.0.11.0/24"]
  }

  expect_failures = [var.private_subnet_cidr_blocks]
}

run "rejects_more_public_subnets_than_zones" {
  command = plan

  variables {
    public_subnet_cidr_blocks = ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]
  }

  expect_failures = [var.public_subnet_cidr_blocks]
}

run "rejects_fewer_private_subnets_than_zones" {
  command = plan

  variables {
    private_subnet_cidr_blocks = ["10.0.10.0/24"]
  }

  expect_failures = [var.private_subnet_cidr_blocks]
}

run "rejects_public_subnets_outside_the_vpc" {
  command = plan

  variables {
    public_subnet_cidr_blocks = ["10.1.1.0/24", "10.0.2.0/24"]
  }

  expect_failures = [var.public_subnet_cidr_blocks]
}

run "rejects_private_subnets_beyond_the_vpc" {
  command = plan

  variables {
    cidr_block                 = "10.0.0.0/20"
    private_subnet_cidr_blocks = ["10.0.10.0/24", "10.0.16.0/24"]
  }

  expect_failures = [var.private_subnet_cidr_blocks]
}

run "rejects_a_private_subnet_around_public_ones" {
  command = plan

  variables {
    private_subnet_cidr_blocks = ["10.0.10.0/24", "10.0.0.0/21"]
  }

  expect_failures = [var.private_subnet_cidr_blocks]
}

run "rejects_public_subnets_that_overlap" {
  command = plan

  variables {
    public_subnet_cidr_blocks = ["10.0.1.0/24", "10.0.1.128/25"]
  }

  expect_failures = [var.private_subnet_cidr_blocks]
}

run "rejects_a_single_zone" {
  command = plan

  variables {
    availability_zones         = ["us-east-1a"]
    private_subnet_cidr_blocks = ["10.0.10.0/24"]
    public_subnet_cidr_blocks  = ["10.0.1.0/24"]
  }

  expect_failures = [var.availability_zones]
}

run "rejects_zones_of_another_region" {
  command = plan

  variables {
    region = "eu-west-1"
  }

  expect_failures = [var.availability_zones]
}

run "s3_in_another_partition" {
  variables {
    availability_zones = ["eusc-de-east-1a", "eusc-de-east-1b"]
    region             = "eusc-de-east-1"
  }

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-eusc", reverse_dns_prefix = "eu.amazonaws" }
  }

  assert {
    condition     = aws_vpc_endpoint.s3[0].service_name == "eu.amazonaws.eusc-de-east-1.s3"
    error_message = "The endpoint of S3 has the prefix of the partition."
  }
}

run "s3_in_china" {
  variables {
    availability_zones = ["cn-north-1a", "cn-north-1b"]
    region             = "cn-north-1"
  }

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-cn", reverse_dns_prefix = "cn.com.amazonaws" }
  }

  assert {
    condition     = aws_vpc_endpoint.s3[0].service_name == "com.amazonaws.cn-north-1.s3"
    error_message = "The endpoint of S3 in China has no prefix of its own."
  }
}
