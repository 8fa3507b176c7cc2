output "app_url" {
  description = "Where the application is reached."
  value       = google_cloud_run_v2_service.this.uri
}

output "image" {
  description = "Image the service was told to run, by digest."
  value       = var.image
}

output "log_filter" {
  description = "Filter of Cloud Logging that finds what the tasks wrote and which requests they had."
  value = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.location=\"${google_cloud_run_v2_service.this.location}\"",
    "resource.labels.service_name=\"${google_cloud_run_v2_service.this.name}\"",
  ])
}

output "platform" {
  description = "What the app runs on."
  value       = "cloud_run"
}

output "service_account_email" {
  description = "Service account that the application runs as, to grant it what it needs."
  value       = google_service_account.this.email
}

# Ask the API by this for the revision that serves: Terraform would put out the one before the last update, because the
# provider plans an update without a new one.
output "service_id" {
  description = "Id of the Cloud Run service: projects/<project>/locations/<region>/services/<name>."
  value       = google_cloud_run_v2_service.this.id
}
