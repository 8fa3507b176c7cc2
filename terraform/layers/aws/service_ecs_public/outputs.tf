output "cluster_name" {
  description = "Name of the ECS cluster."
  value       = aws_ecs_cluster.this.name
}

output "container_port" {
  description = "TCP port that the tasks' public addresses answer on."
  value       = var.container_port
}

output "image" {
  description = "Image the service was told to run, by digest."
  value       = var.image
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
  value       = "ecs_public"
}

output "task_definition_arn" {
  description = "ARN of the task definition the service was told to run, with its revision."
  value       = module.task["web"].arn
}
