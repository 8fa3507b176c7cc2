output "database_zone_name" {
  description = "Name of the private zone of Cloud DNS that the names of databases are in."
  value       = google_dns_managed_zone.databases.name
}

output "subnet_id" {
  description = "Id of the subnet that services of Cloud Run take addresses of: projects/<project>/regions/<region>/subnetworks/<name>."
  value       = google_compute_subnetwork.this.id
}

output "vpc_id" {
  description = "Id of the VPC, projects/<project>/global/networks/<name>, in which databases may be made."
  value       = google_compute_network.this.id
  # A database needs the private connection first.
  depends_on = [google_service_networking_connection.databases]
}
