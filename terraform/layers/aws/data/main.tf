locals {
  database_enabled = var.database_name != null
  database_port    = 5432

  enhanced_monitoring_enabled = local.database_enabled && var.enhanced_monitoring_interval_seconds > 0
}
