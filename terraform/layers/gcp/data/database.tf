locals {
  database_enabled = var.database_name != null
  database_port    = 5432

  # The name of an instance is taken for a week after it was deleted ("Delete instances"), so each has one of its own. It
  # comes from what is made before the instance and outlives a killed run, so that the next run finds the instance by it.
  database_instance_name = one([
    for key, secret in google_secret_manager_secret.database : "${var.name}-${substr(sha256(secret.create_time), 0, 8)}" if key == "master"
  ])

  # Who may sign the database's certificate. The provider takes it for a secret, and everybody who connects is to have it.
  database_ca_certificates = one([for instance in google_sql_database_instance.this : nonsensitive(instance.server_ca_cert[0].cert)])

  # The edition keeps logs for 7 days at most, and Google keeps none for longer than backups.
  log_retention_days = min(7, var.backup_retention_days)

  # Google gives an instance one name in its network, and a certificate for that. The dot at its end is in the certificate,
  # too, and so part of what is verified.
  database_host = one([
    for instance in google_sql_database_instance.this :
    one([for name in instance.dns_names : name.name if name.connection_type == "PRIVATE_SERVICES_ACCESS" && name.dns_scope == "INSTANCE"])
  ])
}

resource "google_project_service" "sql_admin" {
  count = local.database_enabled ? 1 : 0

  service = "sqladmin.googleapis.com"

  # The project's other databases need it, too.
  disable_on_destroy = false
}

resource "google_sql_database_instance" "this" {
  #checkov:skip=CKV_GCP_6:the check wants certificates of clients; users log in with passwords, over TLS alone (ssl_mode)
  #checkov:skip=CKV_GCP_51:PostgreSQL has log_checkpoints on since version 15, and the check wants it written
  #checkov:skip=CKV_GCP_52:log_connections writes a line for each connection of each task's pool
  #checkov:skip=CKV_GCP_53:log_disconnections writes a line for each connection of each task's pool
  #checkov:skip=CKV_GCP_54:an application that waits for a lock is cancelled by statement_timeout, which is in the log
  #checkov:skip=CKV_GCP_79:the inventory chooses engine_version; the default is that of the layer of AWS
  #checkov:skip=CKV_GCP_108:log_hostname looks a name up for each connection; addresses of the subnet say as much
  #checkov:skip=CKV_GCP_109:PostgreSQL's default of log_min_error_statement is error, and the check wants it written
  #checkov:skip=CKV_GCP_110:pgAudit writes statements to the log, with what users have entered
  #checkov:skip=CKV_GCP_111:log_statement writes statements to the log, with what users have entered
  #checkov:skip=CKV2_GCP_13:log_duration writes a line for each statement; performance_insights_enabled measures them
  count = local.database_enabled ? 1 : 0

  name             = local.database_instance_name
  database_version = "POSTGRES_${var.engine_version}"
  region           = var.region

  # Of Terraform; that of the instance itself is below.
  deletion_protection = var.deletion_protection

  settings {
    edition                     = "ENTERPRISE"
    tier                        = var.tier
    availability_type           = var.multi_az ? "REGIONAL" : "ZONAL"
    deletion_protection_enabled = var.deletion_protection

    disk_type             = "PD_SSD"
    disk_size             = var.allocated_storage_gb
    disk_autoresize       = var.max_allocated_storage_gb != null
    disk_autoresize_limit = coalesce(var.max_allocated_storage_gb, 0)

    # The API names no other; the provider's default labels are for resources that have labels at the top.
    user_labels = local.labels

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = local.log_retention_days

      backup_retention_settings {
        retained_backups = var.backup_retention_days
      }
    }

    # After that, nothing is left of a database that was destroyed.
    final_backup_config {
      enabled        = var.final_snapshot_enabled
      retention_days = var.final_snapshot_enabled ? 365 : null
    }

    insights_config {
      query_insights_enabled = var.performance_insights_enabled
    }

    ip_configuration {
      ipv4_enabled    = false
      private_network = var.network_vpc_id
      # An authority of the region, which signs certificates for names: the authority that an instance has for itself signs
      # one without (docs/decisions/0014-databases-on-google.md).
      server_ca_mode                   = "GOOGLE_MANAGED_CAS_CA"
      server_certificate_rotation_mode = "AUTOMATIC_ROTATION_DURING_MAINTENANCE"
      ssl_mode                         = "ENCRYPTED_ONLY"
    }

    # Sunday, three o'clock in UTC. Without one, Google takes any hour.
    maintenance_window {
      day  = 7
      hour = 3
    }
  }

  depends_on = [google_project_service.sql_admin]

  lifecycle {
    # Whoever makes the secret anew does not mean to replace the database. One in another region gets another name all the
    # same: its secret is new, and Terraform ignores nothing of what it replaces.
    ignore_changes = [name]

    precondition {
      condition     = var.network_vpc_id != null && var.network_database_zone_name != null
      error_message = "database_name is \"${coalesce(var.database_name, "null")}\", and network_vpc_id or network_database_zone_name is null; a database needs a network."
    }
  }
}

# The name leads to the database in the network, and nowhere else.
resource "google_dns_record_set" "database" {
  count = local.database_enabled ? 1 : 0

  managed_zone = var.network_database_zone_name
  name         = local.database_host
  type         = "A"
  ttl          = 60
  rrdatas      = [google_sql_database_instance.this[0].private_ip_address]
}

# It goes with its instance. One that another name of the database has left behind stays.
resource "google_sql_database" "this" {
  count = local.database_enabled ? 1 : 0

  instance        = google_sql_database_instance.this[0].name
  name            = var.database_name
  deletion_policy = "ABANDON"
}

# So does the master, who owns what is in it.
resource "google_sql_user" "master" {
  count = local.database_enabled ? 1 : 0

  instance    = google_sql_database_instance.this[0].name
  name        = var.master_username
  password_wo = jsondecode(ephemeral.google_secret_manager_secret_version.database["master"].secret_data)["password"]
  # A number made of the version, so that every version ever written reaches the database, whatever led to it.
  password_wo_version = parseint(substr(local.database_versions["master"], 0, 12), 16)
  deletion_policy     = "ABANDON"
}
