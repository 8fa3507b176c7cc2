terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.45"
    }
  }

  # The bucket and the prefix arrive by -backend-config: they belong to the environment.
  backend "gcs" {}
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = local.labels

  # The label managedby says as much, and the provider's own would be on new resources only.
  add_terraform_attribution_label = false
}
