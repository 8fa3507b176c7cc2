# A worker pool for each process: instances that run all the time, with CPU, and that nobody sends requests to. The new ones
# run before the old ones end, so that even of a process of one instance two run for a moment.
resource "google_cloud_run_v2_worker_pool" "process" {
  for_each = var.processes

  # No app's name has two hyphens in a row.
  name     = "${var.name}--${each.key}"
  location = var.region

  # What is taken out of the inventory is removed.
  deletion_protection = false

  template {
    service_account = google_service_account.this.email

    dynamic "vpc_access" {
      for_each = var.network_subnet_id == null ? [] : [var.network_subnet_id]

      content {
        egress = "PRIVATE_RANGES_ONLY"

        network_interfaces {
          network    = var.network_vpc_id
          subnetwork = vpc_access.value
        }
      }
    }

    dynamic "volumes" {
      for_each = local.secret_files

      content {
        name = volumes.key

        secret {
          secret = volumes.value.secret

          items {
            path    = volumes.value.file
            version = volumes.value.version
          }
        }
      }
    }

    containers {
      image = var.image
      # In place of the image's CMD; an ENTRYPOINT stays.
      args = each.value.command

      dynamic "env" {
        for_each = local.environment_variables

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = local.secrets

        content {
          name = env.key

          value_source {
            secret_key_ref {
              secret  = env.value.secret
              version = env.value.version
            }
          }
        }
      }

      dynamic "volume_mounts" {
        for_each = local.secret_files

        content {
          name       = volume_mounts.key
          mount_path = volume_mounts.value.folder
        }
      }

      resources {
        limits = {
          cpu    = tostring(coalesce(each.value.cpu_units, var.cpu_units) / 1024)
          memory = "${coalesce(each.value.memory_mib, var.memory_mib)}Mi"
        }
      }
    }
  }

  scaling {
    manual_instance_count = each.value.min_count
  }

  # Said, as the service's traffic is.
  instance_splits {
    percent = 100
    type    = "INSTANCE_SPLIT_ALLOCATION_TYPE_LATEST"
  }

  depends_on = [google_project_service.api, google_secret_manager_secret_iam_member.this]
}
