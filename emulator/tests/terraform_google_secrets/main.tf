# A secret whose value is made here, as the layer data has it, and one whose value is given.

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
  project        = "temu-provider-secrets"
  default_labels = { environment = "development" }
}

variable "generation" {
  type    = number
  default = 1
}

variable "labels" {
  type    = map(string)
  default = {}
}

resource "google_service_account" "this" {
  account_id = "temu-tf-secrets"
}

resource "google_secret_manager_secret" "generated" {
  secret_id = "temu-tf_generated"
  labels    = var.labels

  replication {
    user_managed {
      replicas {
        location = "us-central1"
      }
    }
  }
}

resource "google_secret_manager_secret_version" "generated" {
  secret                 = google_secret_manager_secret.generated.id
  secret_data_wo         = "${uuid()}${uuid()}"
  secret_data_wo_version = var.generation
  deletion_policy        = "ABANDON"
}

resource "google_secret_manager_secret" "given" {
  secret_id = "temu-tf-given"

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "given" {
  secret      = google_secret_manager_secret.given.id
  secret_data = "given"
}

resource "google_secret_manager_secret_iam_member" "reader" {
  secret_id = google_secret_manager_secret.generated.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.this.member
}

output "version" {
  value = google_secret_manager_secret_version.generated.version
}
