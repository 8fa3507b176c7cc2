output "app_url" {
  description = "Where the application is reached."
  value       = "https://${aws_apprunner_service.this.service_url}"
}

output "image" {
  description = "Image the service was told to run, by digest."
  value       = var.image
}

output "log_group_name" {
  description = "Name of the log group that the tasks write to."
  value       = "/aws/apprunner/${var.name}/${aws_apprunner_service.this.service_id}/application"
}

output "service_arn" {
  description = "ARN of the App Runner service."
  value       = aws_apprunner_service.this.arn
}

output "platform" {
  description = "What the app runs on."
  value       = "app_runner"
}
