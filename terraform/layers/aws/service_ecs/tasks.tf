locals {
  # The commands of the image that run: its own, which answers requests, and those of processes and schedules.
  commands = merge(
    {
      web = {
        command              = null
        container_port       = var.container_port
        cpu_units            = var.cpu_units
        health_check_command = var.health_check_command
        log_stream_prefix    = "task"
        memory_mib           = var.memory_mib
        name                 = var.name
        stop_timeout_seconds = var.stop_timeout_seconds
      }
    },
    {
      for name, process in var.processes : name => {
        command        = process.command
        container_port = null
        cpu_units      = coalesce(process.cpu_units, var.cpu_units)
        # Without one, a deployment is complete as soon as its tasks run. ECS makes the first check after ten seconds, and a
        # command that ends before fails the deployment.
        health_check_command = coalesce(process.health_check_command, ["CMD", "python", "-IS", "-c", "pass"])
        log_stream_prefix    = name
        memory_mib           = coalesce(process.memory_mib, var.memory_mib)
        # No name of an app has an underscore, so none of another app begins like this.
        name                 = "${var.name}_${name}"
        stop_timeout_seconds = coalesce(process.stop_timeout_seconds, var.stop_timeout_seconds)
      }
    },
    {
      for name, schedule in var.schedules : name => {
        command              = schedule.command
        container_port       = null
        cpu_units            = coalesce(schedule.cpu_units, var.cpu_units)
        health_check_command = null
        log_stream_prefix    = name
        memory_mib           = coalesce(schedule.memory_mib, var.memory_mib)
        name                 = "${var.name}_${name}"
        stop_timeout_seconds = var.stop_timeout_seconds
      }
    },
  )
}

module "task" {
  source   = "../../../modules/ecs_task"
  for_each = local.commands

  command                 = each.value.command
  container_port          = each.value.container_port
  cpu_architecture        = var.cpu_architecture
  cpu_units               = each.value.cpu_units
  environment_variables   = var.environment_variables
  execute_command_enabled = var.execute_command_enabled
  execution_role_arn      = module.task_roles.execution_role_arn
  health_check_command    = each.value.health_check_command
  image                   = var.image
  log_group_name          = module.task_roles.log_group_name
  log_stream_prefix       = each.value.log_stream_prefix
  memory_mib              = each.value.memory_mib
  name                    = each.value.name
  region                  = var.region
  secret_versions         = var.data_environment_secret_versions
  secrets                 = var.data_environment_secrets
  start_period_seconds    = var.start_period_seconds
  stop_timeout_seconds    = each.value.stop_timeout_seconds
  task_role_arn           = module.task_roles.task_role_arn
  tmp_size_mib            = var.tmp_size_mib
  user                    = var.user
}
