output "access_log_bucket_name" {
  description = "Name of the bucket for access logs; null while access_logs_enabled is false."
  # What writes logs needs the permission first.
  value = var.access_logs_enabled ? aws_s3_bucket_policy.access_logs[0].bucket : null
}

output "load_balancer" {
  description = "The load balancer that apps may share: arn_suffix, dns_name, domain_name (below which it serves names), https_listener_arn, security_group_id, zone_id (of domain_name) and zone_id_of_dns_name; empty without one."
  value = merge(local.existing_load_balancer, [for load_balancer in module.load_balancer : {
    arn_suffix          = load_balancer.arn_suffix
    dns_name            = load_balancer.dns_name
    domain_name         = var.load_balancer_zone_name
    https_listener_arn  = load_balancer.https_listener_arn
    security_group_id   = load_balancer.security_group_id
    zone_id             = load_balancer.zone_id
    zone_id_of_dns_name = load_balancer.zone_id_of_dns_name
  }]...)
}

output "load_balancer_zone_name_servers" {
  description = "Name servers of the zone created for the load balancer, for its parent zone's NS record; null when none was."
  value       = one(module.load_balancer[*].zone_name_servers)
}

output "private_subnet_ids" {
  description = "Ids of the private subnets, in the order of availability_zones or private_subnet_ids."
  value       = local.private_subnet_ids

  precondition {
    condition     = var.vpc_id == null || length(distinct([for id in var.private_subnet_ids : local.existing_subnets[id].zone])) >= 2
    error_message = "private_subnet_ids is ${jsonencode(var.private_subnet_ids)}, in ${join(", ", distinct([for id in var.private_subnet_ids : local.existing_subnets[id].zone]))}; it must be subnets of two availability zones at least: a load balancer and a database need two."
  }

  precondition {
    condition     = alltrue([for id in var.private_subnet_ids : !local.existing_subnet_is_public[id]])
    error_message = "private_subnet_ids holds ${join(", ", [for id in var.private_subnet_ids : id if local.existing_subnet_is_public[id]])}, with a route of 0.0.0.0/0 to an internet gateway; a private subnet must have none, because the applications in it have private addresses alone: through a NAT gateway they reach the internet."
  }
}

output "public_subnet_ids" {
  description = "Ids of the public subnets, in the order of availability_zones or public_subnet_ids."
  value       = local.public_subnet_ids

  precondition {
    condition     = var.vpc_id == null || length(distinct([for id in var.public_subnet_ids : local.existing_subnets[id].zone])) >= 2
    error_message = "public_subnet_ids is ${jsonencode(var.public_subnet_ids)}, in ${join(", ", distinct([for id in var.public_subnet_ids : local.existing_subnets[id].zone]))}; it must be subnets of two availability zones at least: a load balancer and a database need two."
  }

  precondition {
    condition     = alltrue([for id in var.public_subnet_ids : local.existing_subnet_is_public[id]])
    error_message = "public_subnet_ids holds ${join(", ", [for id in var.public_subnet_ids : id if !local.existing_subnet_is_public[id]])}, without a route of 0.0.0.0/0 to an internet gateway; a public subnet must have one, because load balancers and applications with public addresses are in it."
  }
}

output "vpc_id" {
  description = "Id of the VPC."
  value       = local.vpc_id
}
