mock_provider "google" {
  mock_resource "google_compute_network" {
    defaults = { id = "projects/my-project-123456/global/networks/dev-main" }
  }

  mock_resource "google_compute_subnetwork" {
    defaults = { id = "projects/my-project-123456/regions/us-central1/subnetworks/dev-main" }
  }
}

variables {
  name    = "dev-main"
  project = "my-project-123456"
  tags    = { Environment = "development", Project = "main" }
}

run "defaults" {
  command = apply

  assert {
    condition = (
      toset(keys(google_project_service.api)) == toset(["compute.googleapis.com", "dns.googleapis.com", "servicenetworking.googleapis.com"])
      && alltrue([for service in values(google_project_service.api) : service.disable_on_destroy == false])
    )
    error_message = "The APIs are turned on, and stay on for the project's other networks."
  }

  assert {
    condition = (
      google_compute_network.this.name == "dev-main"
      && !google_compute_network.this.auto_create_subnetworks
      && google_compute_subnetwork.this.network == google_compute_network.this.id
      && google_compute_subnetwork.this.region == "us-central1"
      && google_compute_subnetwork.this.ip_cidr_range == "10.0.0.0/22"
      && google_compute_subnetwork.this.private_ip_google_access
    )
    error_message = "The VPC has one subnet, whose addresses reach Google's APIs."
  }

  assert {
    condition = (
      google_compute_global_address.databases.purpose == "VPC_PEERING"
      && google_compute_global_address.databases.address_type == "INTERNAL"
      && google_compute_global_address.databases.address == "10.0.16.0"
      && google_compute_global_address.databases.prefix_length == 20
      && google_compute_global_address.databases.network == google_compute_network.this.id
      && google_service_networking_connection.databases.network == google_compute_network.this.id
      && google_service_networking_connection.databases.service == "servicenetworking.googleapis.com"
      && google_service_networking_connection.databases.reserved_peering_ranges == tolist([google_compute_global_address.databases.name])
      && google_service_networking_connection.databases.deletion_policy == "ABANDON"
      && google_service_networking_connection.databases.update_on_creation_fail
    )
    error_message = "Google's services have a range of addresses, and a connection that Terraform never deletes."
  }

  assert {
    condition = (
      google_dns_managed_zone.databases.dns_name == "us-central1.sql-psa.goog."
      && google_dns_managed_zone.databases.visibility == "private"
      && one(one(google_dns_managed_zone.databases.private_visibility_config).networks).network_url == google_compute_network.this.id
    )
    error_message = "The names of databases are those of the VPC alone."
  }

  assert {
    condition = (
      output.vpc_id == "projects/my-project-123456/global/networks/dev-main"
      && output.subnet_id == "projects/my-project-123456/regions/us-central1/subnetworks/dev-main"
      && output.database_zone_name == "dev-main-databases"
    )
    error_message = "Apps are told the VPC, the subnet and the zone."
  }

  assert {
    condition     = local.labels == { environment = "development", project = "main", managedby = "terraform" }
    error_message = "Tags become labels."
  }
}

run "another_region_and_ranges" {
  command = plan

  variables {
    cidr_block          = "192.168.4.0/26"
    database_cidr_block = "172.16.0.0/24"
    region              = "europe-west12"
  }

  assert {
    condition = (
      google_compute_subnetwork.this.region == "europe-west12"
      && google_compute_subnetwork.this.ip_cidr_range == "192.168.4.0/26"
      && google_compute_global_address.databases.address == "172.16.0.0"
      && google_compute_global_address.databases.prefix_length == 24
      && google_dns_managed_zone.databases.dns_name == "europe-west12.sql-psa.goog."
    )
    error_message = "Ranges and region are those that were given."
  }
}

run "rejects_wrong_values" {
  command = plan

  variables {
    cidr_block = "10.0.0.0/27"
    name       = "dev--main"
    project    = "1234567890"
    region     = "us-east-1"
    tags       = { Environment = "development" }
  }

  expect_failures = [
    var.cidr_block,
    var.name,
    var.project,
    var.region,
    var.tags,
  ]
}

run "rejects_ranges_that_overlap" {
  command = plan

  variables {
    cidr_block          = "10.0.17.0/24"
    database_cidr_block = "10.0.16.0/20"
  }

  expect_failures = [var.database_cidr_block]
}

run "rejects_a_small_range_for_databases" {
  command = plan

  variables {
    database_cidr_block = "10.0.16.0/25"
  }

  expect_failures = [var.database_cidr_block]
}

run "rejects_an_address_in_a_subnet" {
  command = plan

  variables {
    cidr_block = "10.0.0.1/24"
  }

  expect_failures = [var.cidr_block]
}

run "rejects_public_addresses" {
  command = plan

  variables {
    database_cidr_block = "8.8.8.0/24"
  }

  expect_failures = [var.database_cidr_block]
}
