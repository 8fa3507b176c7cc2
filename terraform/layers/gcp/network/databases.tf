# Databases are in networks of Google's own, which have this range of addresses and are peered with the VPC.
resource "google_compute_global_address" "databases" {
  name          = "${var.name}-databases"
  description   = "Databases of ${var.name}"
  network       = google_compute_network.this.id
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  address       = split("/", var.database_cidr_block)[0]
  prefix_length = tonumber(split("/", var.database_cidr_block)[1])
}

# Google keeps it for four days after the last database has been deleted, and Terraform could not delete it until then
# (docs/decisions/0014-databases-on-google.md): what destroys the network takes the peering away instead.
resource "google_service_networking_connection" "databases" {
  network                 = google_compute_network.this.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.databases.name]
  deletion_policy         = "ABANDON"

  # Google keeps a connection whose network was deleted, too, and one that an interrupted run has made is in no state: what
  # is there gets this range, where Google would refuse another one.
  update_on_creation_fail = true
}

# The names of databases, which their certificates are for. Google gives each instance one, and no address to it; the layer
# data of each app adds its own.
resource "google_dns_managed_zone" "databases" {
  name        = "${var.name}-databases"
  description = "Names of the databases of ${var.name}"
  dns_name    = "${var.region}.sql-psa.goog."
  visibility  = "private"

  private_visibility_config {
    networks {
      network_url = google_compute_network.this.id
    }
  }
}
