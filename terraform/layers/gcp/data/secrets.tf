locals {
  # The master creates the other three and their grants.
  database_users = local.database_enabled ? {
    app      = "${var.database_name}_app"
    master   = var.master_username
    migrator = "${var.database_name}_migrator"
    readonly = "${var.database_name}_readonly"
  } : {}

  # Those that also get their way into the database as one URL.
  users_with_url = local.database_enabled && var.database_url_enabled ? toset(["app", "migrator"]) : toset([])

  # Another one for each password that a user is ever given. The number of a version begins again with a new secret.
  database_versions = {
    for key, version in google_secret_manager_secret_version.database : key => sha256(jsonencode([version.name, version.create_time]))
  }

  # Names of variables in the application's environment whose values are made here.
  generated_secrets = toset([for name, source in var.secrets : name if source == "generated"])

  # The version of each, by its whole name: another version is another revision of the service. The application and its
  # migrations have each the URL of its own user.
  named_secrets = merge(
    {
      for name, source in var.secrets :
      name => "${source}/versions/${lookup(var.secret_versions, source, "latest")}" if source != "generated"
    },
    {
      for name, version in google_secret_manager_secret_version.generated :
      name => "${google_secret_manager_secret.generated[name].id}/versions/${version.version}"
    },
  )
  # Of what has its way as a URL: libpq takes authorities from a file. A volume hides what the image has in its folder, so
  # the folder is one that no image has.
  secret_files = {
    for version in google_secret_manager_secret_version.database_ca :
    "/slipway/database-ca.pem" => "${google_secret_manager_secret.database_ca[0].id}/versions/${version.version}"
  }
  environment_secrets = {
    for user in ["app", "migrator"] : user => merge(local.named_secrets, {
      for key, version in google_secret_manager_secret_version.database_url :
      "DATABASE_URL" => "${google_secret_manager_secret.database_url[key].id}/versions/${version.version}" if key == user
    })
  }
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

resource "google_secret_manager_secret" "database" {
  for_each = local.database_users

  secret_id = "${var.name}_database_${each.key}"

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.secret_manager]
}

resource "google_secret_manager_secret_version" "database" {
  for_each = local.database_users

  secret                 = google_secret_manager_secret.database[each.key].id
  secret_data_wo         = jsonencode({ username = each.value, password = replace("${uuid()}${uuid()}", "-", "") })
  secret_data_wo_version = var.credentials_version

  # Whoever reads the newest one gets it; what is read by its number may be older.
  deletion_policy = "ABANDON"
}

# The master and the URLs get the password that was written, not the one that was generated: an apply that is interrupted
# between the two leaves a secret that the next apply gives to the database, and an app may want its URL later.
ephemeral "google_secret_manager_secret_version" "database" {
  for_each = local.database_enabled ? setunion(["master"], local.users_with_url) : toset([])

  secret  = google_secret_manager_secret_version.database[each.key].secret
  version = google_secret_manager_secret_version.database[each.key].version
}

resource "google_secret_manager_secret" "database_url" {
  for_each = local.users_with_url

  secret_id = "${var.name}_database_${each.key}_url"

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.secret_manager]
}

resource "google_secret_manager_secret_version" "database_url" {
  for_each = local.users_with_url

  secret = google_secret_manager_secret.database_url[each.key].id
  secret_data_wo = format(
    "%s://%s:%s@%s:%d/%s?sslmode=verify-full",
    var.database_url_scheme,
    local.database_users[each.key],
    urlencode(jsondecode(ephemeral.google_secret_manager_secret_version.database[each.key].secret_data)["password"]),
    local.database_host,
    local.database_port,
    google_sql_database.this[0].name,
  )
  # A number made of what the URL is made of, so that it is written again whenever one of them is another.
  secret_data_wo_version = parseint(substr(sha256(jsonencode([
    local.database_versions[each.key],
    local.database_host,
    var.database_url_scheme,
  ])), 0, 12), 16)

  deletion_policy = "ABANDON"
}

# The authorities are no secret: Cloud Run mounts files from Secret Manager, and an image is the same for each environment.
resource "google_secret_manager_secret" "database_ca" {
  count = local.database_enabled && var.database_url_enabled ? 1 : 0

  secret_id = "${var.name}_database_ca"

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.secret_manager]
}

resource "google_secret_manager_secret_version" "database_ca" {
  count = local.database_enabled && var.database_url_enabled ? 1 : 0

  secret         = google_secret_manager_secret.database_ca[0].id
  secret_data_wo = local.database_ca_certificates
  # Other authorities are another version.
  secret_data_wo_version = parseint(substr(sha256(local.database_ca_certificates), 0, 12), 16)

  deletion_policy = "ABANDON"
}
