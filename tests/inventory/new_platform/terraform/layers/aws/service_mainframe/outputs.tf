output "image" {
  description = "Image the service was told to run, by digest."
  value       = var.image
}

output "platform" {
  description = "What the app runs on."
  value       = "mainframe"
}
