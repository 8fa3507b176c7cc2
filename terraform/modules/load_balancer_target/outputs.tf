output "app_url" {
  description = "Where the application is reached."
  value       = local.https_enabled ? "https://${var.domain_name}" : "http://${var.load_balancer_dns_name}"
}

output "arn" {
  description = "ARN of the target group."
  value       = aws_lb_target_group.this.arn

  # Known only once requests get through: ECS and Auto Scaling take a target group only when a listener uses it, and
  # what is registered is healthy only when it can be reached. A listener of the app's own is the caller's to wait for.
  depends_on = [
    aws_lb_listener_rule.this,
    aws_vpc_security_group_egress_rule.load_balancer_to_app,
    aws_vpc_security_group_ingress_rule.app_from_load_balancer,
  ]
}

output "arn_suffix" {
  description = "The part of the target group's ARN that its metrics have as dimension."
  value       = aws_lb_target_group.this.arn_suffix
}

output "health_check" {
  description = "What a healthy target answers, in words: GET /healthz with 200-499."
  value       = "GET ${local.health_check_path} with ${local.health_check_codes}"
}
