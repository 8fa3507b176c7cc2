# Known only once requests get through: ECS and Auto Scaling take a target group only when a listener uses it, and
# what is registered is healthy only when it can be reached.
output "app_url" {
  description = "Where the application is reached."
  value       = local.https_enabled ? "https://${var.domain_name}" : "http://${aws_lb.this.dns_name}"
}

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

output "target_group_arn" {
  description = "ARN of the target group."
  value       = aws_lb_target_group.this.arn

  depends_on = [
    aws_lb_listener.http,
    aws_lb_listener.https,
    aws_vpc_security_group_egress_rule.load_balancer_to_app,
    aws_vpc_security_group_ingress_rule.app_from_load_balancer,
  ]
}

output "target_group_arn_suffix" {
  description = "The part of the target group's ARN that its metrics have as dimension."
  value       = aws_lb_target_group.this.arn_suffix
}

output "zone_name_servers" {
  description = "Name servers of the zone created here, for its parent zone's NS record; null when none was."
  value       = one(aws_route53_zone.this[*].name_servers)
}
