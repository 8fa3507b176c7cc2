output "app_url" {
  description = "Where the application is reached."
  value       = module.target.app_url
}

output "cluster_name" {
  description = "Name of the ECS cluster."
  value       = aws_ecs_cluster.this.name
}

output "image" {
  description = "Image the service was told to run, by digest."
  value       = var.image
}

output "load_balancer_dns_name" {
  description = "DNS name of the load balancer."
  value       = local.load_balancer.dns_name
}

output "log_group_name" {
  description = "Name of the log group that the tasks write to."
  value       = module.task_roles.log_group_name
}

output "processes" {
  description = "Of each process, the name of its ECS service and the ARN of the task definition that it was told to run."
  value = {
    for name, process in module.process :
    name => { service_name = process.service_name, task_definition_arn = module.task[name].arn }
  }
}

output "service_name" {
  description = "Name of the ECS service."
  value       = aws_ecs_service.this.name
}

output "platform" {
  description = "What the app runs on."
  value       = "ecs"
}

output "task_definition_arn" {
  description = "ARN of the task definition the service was told to run, with its revision."
  value       = module.task["web"].arn
}

output "zone_name_servers" {
  description = "Name servers of the zone created here, for its parent zone's NS record; null when none was."
  value       = one(module.load_balancer[*].zone_name_servers)
}
