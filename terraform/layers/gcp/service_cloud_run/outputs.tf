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

output "processes" {
  description = "Of each process, the id of its worker pool: projects/<project>/locations/<region>/workerPools/<name>--<process>."
  value       = { for name, pool in google_cloud_run_v2_worker_pool.process : name => { worker_pool_id = pool.id } }
}

output "schedules" {
  description = "Of each schedule, the ids of its jobs, of Cloud Run and of Cloud Scheduler, which have the same: projects/<project>/locations/<region>/jobs/<name>--<schedule>."
  value       = { for name, job in google_cloud_run_v2_job.schedule : name => { job_id = job.id } }
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
