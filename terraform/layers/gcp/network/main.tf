locals {
  # Tags are written as AWS has them; labels have no capitals and next to no punctuation.
  labels = merge(
    { for key, value in var.tags : replace(lower(key), "/[^a-z0-9_-]/", "-") => replace(lower(value), "/[^a-z0-9_-]/", "-") },
    { managedby = "terraform" },
  )
}

resource "google_project_service" "api" {
  for_each = toset(["compute.googleapis.com", "dns.googleapis.com", "servicenetworking.googleapis.com"])

  service = each.key

  # The project's other networks need it, too.
  disable_on_destroy = false
}

resource "google_compute_network" "this" {
  #checkov:skip=CKV2_GCP_18:a VPC without rules refuses what comes in (its implied rule), and requests reach Cloud Run from outside of it
  name                    = var.name
  description             = "Applications and databases of ${var.name}"
  auto_create_subnetworks = false

  depends_on = [google_project_service.api]
}

# Where services of Cloud Run take addresses of ("Direct VPC egress with a VPC network").
resource "google_compute_subnetwork" "this" {
  #checkov:skip=CKV_GCP_26:flow logs are charged by the GB; Cloud Run logs each request to a service
  name          = var.name
  description   = "Applications of ${var.name}"
  network       = google_compute_network.this.id
  region        = var.region
  ip_cidr_range = var.cidr_block
  # What goes to Google's own APIs needs no way out to the internet.
  private_ip_google_access = true
}
