locals {
  # Tags are written as AWS has them; labels have no capitals and next to no punctuation.
  labels = merge(
    { for key, value in var.tags : replace(lower(key), "/[^a-z0-9_-]/", "-") => replace(lower(value), "/[^a-z0-9_-]/", "-") },
    { managedby = "terraform" },
  )
}

resource "google_project_service" "secret_manager" {
  count = length(var.secrets) > 0 || local.database_enabled ? 1 : 0

  service = "secretmanager.googleapis.com"

  # The project's other secrets need it, too.
  disable_on_destroy = false
}
