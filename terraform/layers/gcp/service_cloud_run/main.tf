locals {
  # Tags are written as AWS has them; labels have no capitals and next to no punctuation.
  labels = merge(
    { for key, value in var.tags : replace(lower(key), "/[^a-z0-9_-]/", "-") => replace(lower(value), "/[^a-z0-9_-]/", "-") },
    { managedby = "terraform" },
  )

  # What the platform knows better than its caller comes last and wins. Cloud Run hands over the port as PORT itself.
  environment_variables = merge(var.environment_variables, { IMAGE_DIGEST = split("@", var.image)[1] })

  health_check_paths = var.health_check_path == null ? [] : [var.health_check_path]

  # Secret and number of each version, of this project all: projects/<project>/secrets/<secret>/versions/<number>.
  secrets = {
    for name, version in var.data_environment_secrets :
    name => { secret = split("/", version)[3], version = split("/", version)[5] }
  }
  # Each is a volume of its own.
  secret_files = {
    for path, version in var.data_secret_files : replace(trimprefix(path, "/"), "/[^a-z0-9]+/", "-") => {
      file    = basename(path)
      folder  = dirname(path)
      secret  = split("/", version)[3]
      version = split("/", version)[5]
    }
  }
}

resource "google_project_service" "api" {
  for_each = toset(concat(
    ["iam.googleapis.com", "run.googleapis.com"],
    length(var.schedules) > 0 ? ["cloudscheduler.googleapis.com"] : [],
  ))

  service = each.key

  # The project's other services need it, too.
  disable_on_destroy = false
}

# What the application may do: read its secrets, and nothing else until somebody grants it something. Cloud Run pulls the
# image by an account of Google's own, which may read every repository of the project.
resource "google_service_account" "this" {
  account_id   = var.name
  display_name = var.name
  description  = "What the application in ${var.name} may do."

  depends_on = [google_project_service.api]
}

# Cloud Run reads them by this account when an instance starts, or the application does while it runs.
resource "google_secret_manager_secret_iam_member" "this" {
  for_each = setunion(values(local.secrets)[*].secret, values(local.secret_files)[*].secret, [for name in var.readable_secret_names : split("/", name)[3]])

  project   = var.project
  secret_id = each.key
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.this.member
}

resource "google_cloud_run_v2_service" "this" {
  name                = var.name
  location            = var.region
  deletion_protection = var.deletion_protection
  ingress             = var.ingress

  # A role for allUsers is refused where an organization allows members of its own domains only.
  invoker_iam_disabled = var.allow_unauthenticated

  template {
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = var.max_concurrent_requests
    service_account                  = google_service_account.this.email

    # By addresses of the subnet to what is in the VPC, and to the internet as without it ("Direct VPC egress with a VPC
    # network"). An application without a database is in none.
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

      dynamic "env" {
        for_each = local.environment_variables

        content {
          name  = env.key
          value = env.value
        }
      }

      # By the number of a version: another value is another revision, and its instances all have the same.
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

      ports {
        container_port = var.container_port
      }

      resources {
        # CPU only while there are requests: a task that waits for one costs less.
        cpu_idle          = true
        startup_cpu_boost = true

        limits = {
          cpu    = tostring(var.cpu_units / 1024)
          memory = "${var.memory_mib}Mi"
        }
      }

      # Every second, because the first request of a new task waits for it.
      startup_probe {
        failure_threshold = var.start_period_seconds
        period_seconds    = 1
        timeout_seconds   = 1

        # Left out, port would keep the old one when container_port changes.
        dynamic "http_get" {
          for_each = local.health_check_paths

          content {
            path = http_get.value
            port = var.container_port
          }
        }

        dynamic "tcp_socket" {
          for_each = length(local.health_check_paths) == 0 ? [var.container_port] : []

          content {
            port = tcp_socket.value
          }
        }
      }

      # By HTTP alone: Cloud Run has no liveness probe by TCP.
      dynamic "liveness_probe" {
        for_each = local.health_check_paths

        content {
          failure_threshold = 3
          period_seconds    = 10
          timeout_seconds   = 5

          http_get {
            path = liveness_probe.value
            port = var.container_port
          }
        }
      }
    }

    scaling {
      max_instance_count = var.max_count
    }
  }

  # The service's: a minimum of the revision would be kept ready by each revision that has a tag.
  scaling {
    min_instance_count = var.min_count
  }

  # Said, so that a deployment also ends what somebody has pinned by hand.
  traffic {
    percent = 100
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
  }

  depends_on = [google_project_service.api, google_secret_manager_secret_iam_member.this]
}
