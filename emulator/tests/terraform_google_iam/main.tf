# An account that a workflow acts as, with roles of every kind, as the layer bootstrap has them.

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
  project = "temu-provider-iam"
}

variable "image" {
  type    = string
  default = ""
}

variable "repository" {
  type    = string
  default = "my-organization/my-repository"
}

variable "permissions" {
  type    = list(string)
  default = ["run.services.setIamPolicy", "run.routes.invoke"]
}

variable "disabled" {
  type    = bool
  default = null
}

resource "google_service_account" "this" {
  account_id = "temu-tf-iam"
}

resource "google_project_iam_custom_role" "this" {
  role_id     = "temu_tf"
  title       = "For a test"
  permissions = var.permissions
}

resource "google_project_iam_member" "this" {
  for_each = {
    custom     = google_project_iam_custom_role.this.name
    predefined = "roles/run.viewer"
    third      = "roles/logging.viewer"
  }

  project = "temu-provider-iam"
  role    = each.value
  member  = google_service_account.this.member
}

resource "google_storage_bucket_iam_member" "this" {
  bucket = "temu-provider-iam"
  role   = "roles/storage.objectUser"
  member = google_service_account.this.member
}

resource "google_iam_workload_identity_pool" "this" {
  workload_identity_pool_id = "temu-tf"
  display_name              = "A pool"
  disabled                  = var.disabled
}

resource "google_iam_workload_identity_pool_provider" "this" {
  workload_identity_pool_id          = google_iam_workload_identity_pool.this.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  attribute_mapping                  = { "google.subject" = "assertion.sub" }
  attribute_condition                = "assertion.repository == '${var.repository}'"

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account_iam_member" "this" {
  service_account_id = google_service_account.this.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.this.name}/*"
}
