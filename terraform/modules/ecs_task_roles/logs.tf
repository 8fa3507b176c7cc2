resource "aws_cloudwatch_log_group" "this" {
  name              = var.name
  retention_in_days = var.log_retention_days
}

# What is typed and shown in sessions of ECS Exec.
resource "aws_cloudwatch_log_group" "sessions" {
  count = var.execute_command_enabled ? 1 : 0

  name              = "${var.name}/sessions"
  retention_in_days = var.log_retention_days
}
