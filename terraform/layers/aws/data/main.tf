locals {
  database_enabled = var.database_name != null
  database_port    = 5432
}
