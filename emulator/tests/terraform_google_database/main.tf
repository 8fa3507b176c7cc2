# A network with its private connection, and a database in it, as the layers network and data have them.

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
  project        = "temu-provider-sql"
  region         = "us-central1"
  default_labels = { environment = "development" }
}

variable "generation" {
  type    = number
  default = 1
}

variable "labels" {
  type    = map(string)
  default = {}
}

variable "connection_updated" {
  type    = bool
  default = false
}

variable "protected" {
  type    = bool
  default = true
}

resource "google_compute_network" "this" {
  name                    = "temu-tf-sql"
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "this" {
  name                     = "temu-tf-sql"
  network                  = google_compute_network.this.id
  ip_cidr_range            = "10.1.0.0/24"
  private_ip_google_access = true
}

resource "google_compute_global_address" "this" {
  name          = "temu-tf-sql"
  network       = google_compute_network.this.id
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
  labels        = var.labels
}

resource "google_service_networking_connection" "this" {
  network                 = google_compute_network.this.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.this.name]
  update_on_creation_fail = var.connection_updated
  deletion_policy         = "ABANDON"
}

resource "google_dns_managed_zone" "this" {
  name       = "temu-tf-sql"
  dns_name   = "us-central1.sql-psa.goog."
  visibility = "private"

  private_visibility_config {
    networks {
      network_url = google_compute_network.this.id
    }
  }
}

resource "google_sql_database_instance" "this" {
  name                = "temu-tf-sql"
  database_version    = "POSTGRES_15"
  deletion_protection = var.protected

  settings {
    tier                        = "db-f1-micro"
    edition                     = "ENTERPRISE"
    deletion_protection_enabled = var.protected
    disk_autoresize_limit       = 100

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
    }

    insights_config {
      query_insights_enabled = true
    }

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.this.id
      server_ca_mode  = "GOOGLE_MANAGED_CAS_CA"
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    maintenance_window {
      day  = 7
      hour = 0
    }
  }

  depends_on = [google_service_networking_connection.this]
}

resource "google_dns_record_set" "this" {
  managed_zone = google_dns_managed_zone.this.name
  name         = google_sql_database_instance.this.dns_names[0].name
  type         = "A"
  ttl          = 300
  rrdatas      = [google_sql_database_instance.this.private_ip_address]
}

resource "google_sql_database" "this" {
  instance = google_sql_database_instance.this.name
  name     = "app"
}

resource "google_secret_manager_secret" "this" {
  secret_id = "temu-tf-sql"

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "this" {
  secret                 = google_secret_manager_secret.this.id
  secret_data_wo         = "${uuid()}${uuid()}"
  secret_data_wo_version = var.generation
}

ephemeral "google_secret_manager_secret_version" "this" {
  secret  = google_secret_manager_secret_version.this.secret
  version = google_secret_manager_secret_version.this.version
}

resource "google_sql_user" "this" {
  instance            = google_sql_database_instance.this.name
  name                = "postgres"
  password_wo         = ephemeral.google_secret_manager_secret_version.this.secret_data
  password_wo_version = tonumber(google_secret_manager_secret_version.this.version)
  deletion_policy     = "ABANDON"
}

output "certificate" {
  value = nonsensitive(google_sql_database_instance.this.server_ca_cert[0].cert)
}
