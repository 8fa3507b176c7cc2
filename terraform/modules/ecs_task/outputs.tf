output "arn" {
  description = "ARN of the task definition, with its revision."
  value       = aws_ecs_task_definition.this.arn
}

output "container_name" {
  description = "Name of the application's container in the task definition."
  value       = local.container_name
}
