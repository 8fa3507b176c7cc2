locals {
  # Names of variables in the application's environment whose values are made here.
  generated_secrets = toset([for name, source in var.secrets : name if source == "generated"])

  # The version of each, by its whole name: another version is another revision of the service.
  environment_secrets = merge(
    {
      for name, source in var.secrets :
      name => "${source}/versions/${lookup(var.secret_versions, source, "latest")}" if source != "generated"
    },
    {
      for name, version in google_secret_manager_secret_version.generated :
      name => "${google_secret_manager_secret.generated[name].id}/versions/${version.version}"
    },
  )
}

# They are kept for as long as the variable is in the inventory. No other name of an app begins as theirs do, because those
# have no underscore.
resource "google_secret_manager_secret" "generated" {
  for_each = local.generated_secrets

  secret_id = "${var.name}_environment_${each.key}"

  # In the region of what reads it, and nowhere else.
  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.secret_manager]
}

resource "google_secret_manager_secret_version" "generated" {
  for_each = local.generated_secrets

  secret = google_secret_manager_secret.generated[each.key].id

  # 64 hexadecimal digits, of 32 bytes that Terraform takes from the system's generator while it applies. A plan does not know
  # them, and a write-only argument is in no plan and no state.
  secret_data_wo         = replace("${uuid()}${uuid()}", "-", "")
  secret_data_wo_version = var.credentials_version

  # The revision that serves starts instances with the version that it names, until the service has the new one. All versions
  # go with their secret.
  deletion_policy = "ABANDON"
}
