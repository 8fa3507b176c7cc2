output "app_url" {
  description = "Where the application is reached."
  value       = module.target.app_url
}

output "auto_scaling_group_name" {
  description = "Name of the Auto Scaling group."
  value       = aws_autoscaling_group.this.name
}

output "image" {
  description = "Image the service was told to run, by digest."
  value       = var.image
}

output "launch_template_id" {
  description = "Id of the launch template."
  value       = aws_launch_template.this["web"].id
}

output "launch_template_version" {
  description = "Version of the launch template that instances are to be launched from."
  value       = tostring(aws_launch_template.this["web"].latest_version)
}

output "load_balancer_dns_name" {
  description = "DNS name of the load balancer."
  value       = local.load_balancer.dns_name
}

output "log_group_name" {
  description = "Name of the log group that the tasks write to."
  value       = aws_cloudwatch_log_group.this.name
}

output "platform" {
  description = "What the app runs on."
  value       = "ec2"
}

output "processes" {
  description = "Of each process, the name of its Auto Scaling group, and the launch template and its version that instances are to be launched from."
  value = {
    for name, process in module.process : name => {
      auto_scaling_group_name = process.auto_scaling_group_name
      launch_template_id      = aws_launch_template.this[name].id
      launch_template_version = tostring(aws_launch_template.this[name].latest_version)
    }
  }
}

output "target_group_arn" {
  description = "ARN of the load balancer's target group."
  value       = module.target.arn
}

output "zone_name_servers" {
  description = "Name servers of the zone created here, for its parent zone's NS record; null when none was."
  value       = one(module.load_balancer[*].zone_name_servers)
}
