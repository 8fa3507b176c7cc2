locals {
  # Names that crontab has for numbers; its week begins with Sunday, the day 0, and that of EventBridge with the day 1.
  crontab_names = merge(
    { for number, name in ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] : name => number },
    { for number, name in ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"] : name => number + 1 },
  )
  # Of each field: the largest number, and how far those of crontab are behind those of EventBridge.
  crontab_fields = [
    { last = 59, behind = 0 }, { last = 23, behind = 0 }, { last = 31, behind = 0 }, { last = 12, behind = 0 }, { last = 6, behind = 1 },
  ]

  # Fields of each expression, and in each its parts: first and last number, and step.
  schedule_parts = {
    for name, schedule in var.schedules : name => [
      for field in try(slice(split(" ", regex("^cron\\((.*)\\)$", schedule.schedule)[0]), 0, 5), []) : [
        for part in split(",", replace(field, "?", "*")) : regex("^(?P<first>[^-/]+)(?:-(?P<last>[^-/]+))?(?:/(?P<step>[0-9]+))?$", part)
      ]
    ]
  }
  schedule_minutes = {
    for name, schedule in var.schedules :
    name => try(
      tonumber(regex("^rate\\(([0-9]+) ", schedule.schedule)[0]) * { minute = 1, hour = 60, day = 1440 }[regex(" (minute|hour|day)s?\\)$", schedule.schedule)[0]],
      0,
    )
  }

  # The expressions of EventBridge Scheduler, which an inventory has for every platform, in words of crontab. Rates count
  # from midnight.
  crontabs = {
    for name, minutes in local.schedule_minutes : name => (
      minutes == 1440 ? "0 0 * * *" :
      minutes >= 60 ? (minutes == 60 ? "0 * * * *" : "0 */${minutes / 60} * * *") :
      minutes > 0 ? (minutes == 1 ? "* * * * *" : "*/${minutes} * * * *") :
      join(" ", [
        for index, parts in local.schedule_parts[name] : join(",", [
          for part in parts : join("", [
            join("-", [
              for end in compact([part.first, part.last]) :
              lookup(local.crontab_names, upper(end), try(tostring(tonumber(end) - local.crontab_fields[index].behind), end))
            ]),
            # "a/n" begins at a and goes on to the end.
            part.last == null && part.step != null && part.first != "*" ? "-${local.crontab_fields[index].last}" : "",
            part.step != null ? "/${part.step}" : "",
          ])
        ])
      ])
    )
  }
}

resource "google_cloud_run_v2_job" "schedule" {
  for_each = var.schedules

  name                = "${var.name}--${each.key}"
  location            = var.region
  deletion_protection = false

  template {
    template {
      # The application decides whether its work may be done twice.
      max_retries     = 0
      service_account = google_service_account.this.email
      # A day: what hangs ends, and is seen.
      timeout = "86400s"

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
        args  = each.value.command

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
  }

  depends_on = [google_project_service.api, google_secret_manager_secret_iam_member.this]
}

# What Cloud Scheduler may do: run these jobs, and nothing else.
resource "google_service_account" "scheduler" {
  count = length(var.schedules) > 0 ? 1 : 0

  account_id   = "${var.name}--cron"
  display_name = "${var.name}--cron"
  description  = "Runs the schedules of ${var.name}."

  depends_on = [google_project_service.api]
}

resource "google_cloud_run_v2_job_iam_member" "scheduler" {
  for_each = google_cloud_run_v2_job.schedule

  project  = var.project
  location = each.value.location
  name     = each.value.name
  role     = "roles/run.invoker"
  member   = google_service_account.scheduler[0].member
}

resource "google_cloud_scheduler_job" "this" {
  for_each = var.schedules

  name        = "${var.name}--${each.key}"
  region      = var.region
  description = "Runs ${each.key} of ${var.name}."
  schedule    = local.crontabs[each.key]
  time_zone   = each.value.timezone

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/${google_cloud_run_v2_job.schedule[each.key].id}:run"

    oauth_token {
      service_account_email = google_service_account.scheduler[0].email
    }
  }

  # Where Cloud Run starts none, for an hour. One that has started and fails is not started again.
  retry_config {
    max_backoff_duration = "600s"
    max_doublings        = 5
    max_retry_duration   = "3600s"
    min_backoff_duration = "30s"
    retry_count          = 5
  }

  # A run before fails.
  depends_on = [google_cloud_run_v2_job_iam_member.scheduler]
}
