# A service of Cloud Run with all that it stands on, as the layers have it.

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
  project        = "temu-provider"
  region         = "us-central1"
  default_labels = { environment = "development" }
}

# Without an image there is only a repository to push it to.
variable "image" {
  type = string
}

variable "behaviour" {
  type    = string
  default = "healthy"
}

variable "release" {
  type    = string
  default = "1"
}

variable "protected" {
  type    = bool
  default = false
}

resource "google_project_service" "this" {
  for_each = toset(["artifactregistry", "iam", "run"])

  service            = "${each.key}.googleapis.com"
  disable_on_destroy = true
}

resource "google_artifact_registry_repository" "this" {
  repository_id = "temu-tf"
  description   = "Images"
  format        = "DOCKER"
  location      = "us-central1"

  cleanup_policies {
    id     = "old"
    action = "DELETE"
    condition {
      older_than = "30d"
      tag_state  = "UNTAGGED"
    }
  }

  cleanup_policies {
    id     = "recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }

  docker_config {
    immutable_tags = true
  }

  depends_on = [google_project_service.this]
}

resource "google_service_account" "this" {
  account_id   = "temu-tf"
  display_name = "Runs a test"

  depends_on = [google_project_service.this]
}

resource "google_artifact_registry_repository_iam_member" "reader" {
  location   = google_artifact_registry_repository.this.location
  repository = google_artifact_registry_repository.this.name
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.this.member
}

resource "google_cloud_run_v2_service" "this" {
  count = var.image == "" ? 0 : 1

  name                = "temu-tf"
  location            = "us-central1"
  deletion_protection = var.protected
  ingress             = "INGRESS_TRAFFIC_ALL"

  template {
    service_account = google_service_account.this.email

    scaling {
      min_instance_count = 0
      max_instance_count = 2
    }

    containers {
      image = var.image

      ports {
        container_port = 8000
      }

      env {
        name  = "VERSION"
        value = var.release
      }

      env {
        name  = "BEHAVIOUR"
        value = var.behaviour
      }

      resources {
        limits = {
          cpu    = "1"
          memory = "128Mi"
        }
      }

      startup_probe {
        period_seconds    = 1
        failure_threshold = 30
        http_get {
          path = "/health"
        }
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_cloud_run_v2_service_iam_member" "public" {
  count = var.image == "" ? 0 : 1

  location = google_cloud_run_v2_service.this[0].location
  name     = google_cloud_run_v2_service.this[0].name
  role     = "roles/run.invoker"
  member   = "allUsers"
}

output "repository" {
  value = google_artifact_registry_repository.this.name
}

output "uri" {
  value = one(google_cloud_run_v2_service.this[*].uri)
}
