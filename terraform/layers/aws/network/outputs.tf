output "access_log_bucket_name" {
  description = "Name of the bucket for access logs; null while access_logs_enabled is false."
  # What writes logs needs the permission first.
  value = var.access_logs_enabled ? aws_s3_bucket_policy.access_logs[0].bucket : null
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
