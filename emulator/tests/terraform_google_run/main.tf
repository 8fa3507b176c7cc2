# A worker pool, and a job of Cloud Run that Cloud Scheduler runs, as the layers have them.

terraform {
  required_version = ">= 1.11"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "7.45.0"
    }
  }
}

provider "google" {
  project        = "temu-run"
  region         = "us-central1"
  default_labels = { environment = "development" }
}

variable "image" {
  type = string
}

variable "behaviour" {
  type    = string
  default = "healthy"
}

variable "worker_count" {
  type    = number
  default = 1
}

variable "protected" {
  type    = bool
  default = false
}

resource "google_project_service" "scheduler" {
  service            = "cloudscheduler.googleapis.com"
  disable_on_destroy = false
}

resource "google_service_account" "this" {
  for_each = toset(["temu-run-app", "temu-run-cron"])

  account_id  = each.key
  description = "Runs a test"
}

resource "google_cloud_run_v2_worker_pool" "this" {
  name                = "temu-tf"
  location            = "us-central1"
  deletion_protection = var.protected

  template {
    service_account = google_service_account.this["temu-run-app"].email

    containers {
      image = var.image

      env {
        name  = "BEHAVIOUR"
        value = var.behaviour
      }

      resources {
        limits = {
          cpu    = "1"
          memory = "512Mi"
        }
      }
    }
  }

  scaling {
    manual_instance_count = var.worker_count
  }

  instance_splits {
    percent = 100
    type    = "INSTANCE_SPLIT_ALLOCATION_TYPE_LATEST"
  }
}

resource "google_cloud_run_v2_job" "this" {
  name                = "temu-tf"
  location            = "us-central1"
  deletion_protection = false

  template {
    template {
      max_retries     = 0
      service_account = google_service_account.this["temu-run-app"].email

      containers {
        image   = var.image
        command = ["python", "-c"]
        args    = ["print('${var.behaviour}')"]
      }
    }
  }
}

resource "google_cloud_run_v2_job_iam_member" "invoker" {
  location = google_cloud_run_v2_job.this.location
  name     = google_cloud_run_v2_job.this.name
  role     = "roles/run.invoker"
  member   = google_service_account.this["temu-run-cron"].member
}

resource "google_cloud_scheduler_job" "this" {
  name        = "temu-tf"
  description = "Runs a test"
  schedule    = "0 3 * * *"
  time_zone   = "Europe/Berlin"

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/${google_cloud_run_v2_job.this.id}:run"

    oauth_token {
      service_account_email = google_service_account.this["temu-run-cron"].email
    }
  }

  retry_config {
    retry_count          = 5
    max_retry_duration   = "3600s"
    min_backoff_duration = "30s"
    max_backoff_duration = "600s"
    max_doublings        = 5
  }

  depends_on = [google_project_service.scheduler, google_cloud_run_v2_job_iam_member.invoker]
}
