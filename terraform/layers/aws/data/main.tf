locals {
  database_enabled = var.database_name != null
  # Whether in an instance of the app's own, or in one that somebody else keeps.
  instance_made     = local.database_enabled && var.database_instance_identifier == null
  instance_existing = local.database_enabled && var.database_instance_identifier != null
  database_port     = 5432

  # What RDS for PostgreSQL can publish ("RDS for PostgreSQL database log files").
  exported_logs = local.instance_made && var.database_log_export_enabled ? ["postgresql", "upgrade"] : []

  enhanced_monitoring_enabled = local.instance_made && var.enhanced_monitoring_interval_seconds > 0
}
