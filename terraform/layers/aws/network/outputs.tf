output "access_log_bucket_name" {
  description = "Name of the bucket for access logs; null while access_logs_enabled is false."
  # What writes logs needs the permission first.
  value = var.access_logs_enabled ? aws_s3_bucket_policy.access_logs[0].bucket : null
}

output "load_balancer" {
  description = "The load balancer that apps may share: arn_suffix, dns_name, domain_name (below which it serves names), https_listener_arn, security_group_id, zone_id (of domain_name) and zone_id_of_dns_name; empty without one."
  value = merge({}, [for load_balancer in module.load_balancer : {
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
  description = "Ids of the private subnets, in the order of availability_zones."
  value       = [for zone in var.availability_zones : aws_subnet.private[zone].id]
}

output "public_subnet_ids" {
  description = "Ids of the public subnets, in the order of availability_zones."
  value       = [for zone in var.availability_zones : aws_subnet.public[zone].id]
}

output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}
