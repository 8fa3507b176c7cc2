resource "aws_cloudwatch_log_group" "this" {
  name              = var.name
  retention_in_days = var.log_retention_days
}

# What is typed and shown in sessions of ECS Exec; it stays when they are switched off.
resource "aws_cloudwatch_log_group" "sessions" {
  name              = "${var.name}/sessions"
  retention_in_days = var.log_retention_days
}
