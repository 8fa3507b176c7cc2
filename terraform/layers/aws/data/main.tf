locals {
  database_enabled = var.database_name != null
  database_port    = 5432

  # What RDS for PostgreSQL can publish ("RDS for PostgreSQL database log files").
  exported_logs = local.database_enabled && var.database_log_export_enabled ? ["postgresql", "upgrade"] : []

  enhanced_monitoring_enabled = local.database_enabled && var.enhanced_monitoring_interval_seconds > 0
}
