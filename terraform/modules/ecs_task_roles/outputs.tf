# Each role is an output only together with its permissions: a task that starts before fails, and one that outlives them
# cannot shut down cleanly. ECS may not know a new role for some seconds; the role terraform_layer then applies again.
output "execution_role_arn" {
  description = "ARN of the role that ECS takes to start a task."
  value       = aws_iam_role.execution.arn
  depends_on  = [aws_iam_role_policy.execution]
}

output "log_group_name" {
  description = "Name of the log group that the tasks write to."
  value       = aws_cloudwatch_log_group.this.name
}

output "session_log_group_name" {
  description = "Name of the log group that sessions of ECS Exec are written to."
  value       = aws_cloudwatch_log_group.sessions.name
}

output "task_role_arn" {
  description = "ARN of the role that the application in a task has."
  value       = aws_iam_role.task.arn
  depends_on  = [aws_iam_role_policy.task]
}
