locals {
  # Tags are written as AWS has them; labels have no capitals and next to no punctuation.
  labels = merge(
    { for key, value in var.tags : replace(lower(key), "/[^a-z0-9_-]/", "-") => replace(lower(value), "/[^a-z0-9_-]/", "-") },
    { managedby = "terraform" },
  )
}

resource "google_project_service" "artifact_registry" {
  service = "artifactregistry.googleapis.com"

  # The project's other repositories need it, too.
  disable_on_destroy = false
}

resource "google_artifact_registry_repository" "this" {
  repository_id = var.name
  location      = var.region
  format        = "DOCKER"

  # Tags are not immutable: what has an immutable tag is never deleted, and each image has a tag. What runs is named by its
  # digest.

  # A policy that keeps only takes away from one that deletes: alone it deletes nothing.
  cleanup_policies {
    id     = "delete-the-others"
    action = "DELETE"

    condition {
      tag_state = "ANY"
    }
  }

  cleanup_policies {
    id     = "keep-the-newest"
    action = "KEEP"

    most_recent_versions {
      # Each image has its list of packages beside it.
      keep_count = 2 * var.retained_image_count
    }
  }

  depends_on = [google_project_service.artifact_registry]
}
