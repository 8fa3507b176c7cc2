output "arn" {
  description = "ARN of the load balancer."
  value       = aws_lb.this.arn
}

output "arn_suffix" {
  description = "The part of the load balancer's ARN that its metrics have as dimension."
  value       = aws_lb.this.arn_suffix
}

output "dns_name" {
  description = "DNS name of the load balancer."
  value       = aws_lb.this.dns_name
}

output "https_listener_arn" {
  description = "ARN of the listener for HTTPS; null without domain_name."
  value       = one(aws_lb_listener.https[*].arn)
}

output "listener_arns" {
  description = "ARNs of all listeners, known when the load balancer answers."
  value       = concat([aws_lb_listener.http.arn], aws_lb_listener.https[*].arn)
}

output "security_group_id" {
  description = "Id of the load balancer's security group."
  value       = aws_security_group.load_balancer.id
}

output "zone_id" {
  description = "Id of the Route 53 zone zone_name; null for none."
  value       = local.zone_id
}

output "zone_id_of_dns_name" {
  description = "Id of the zone that AWS keeps dns_name in, for aliases."
  value       = aws_lb.this.zone_id
}

output "zone_name_servers" {
  description = "Name servers of the zone created here, for its parent zone's NS record; null when none was."
  value       = one(aws_route53_zone.this[*].name_servers)
}
