resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65:off by default, because it costs; inventories/prod has it on
  name = var.name

  setting {
    name  = "containerInsights"
    value = var.container_insights_enabled ? "enabled" : "disabled"
  }

  # Always here: ECS keeps the configuration of a cluster that a plan leaves out, and each later plan would remove it.
  configuration {
    execute_command_configuration {
      logging = var.execute_command_enabled ? "OVERRIDE" : "DEFAULT"

      dynamic "log_configuration" {
        for_each = var.execute_command_enabled ? [module.task_roles.session_log_group_name] : []

        content {
          cloud_watch_log_group_name = log_configuration.value
        }
      }
    }
  }
}

module "task_roles" {
  source = "../../../modules/ecs_task_roles"

  account_id               = var.account_id
  bucket_arn               = var.data_bucket_arn
  environment_secret_arns  = var.data_environment_secret_arns
  execute_command_enabled  = var.execute_command_enabled
  log_retention_days       = var.log_retention_days
  name                     = "${var.name}/service"
  permissions_boundary_arn = var.permissions_boundary_arn
  readable_secret_arns     = var.readable_secret_arns
  region                   = var.region
  registry_repository_arn  = var.registry_repository_arn
}

# A cluster takes no task on Fargate Spot before this.
resource "aws_ecs_cluster_capacity_providers" "spot" {
  count = var.capacity_provider == "FARGATE_SPOT" ? 1 : 0

  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE_SPOT"]
}

resource "aws_ecs_service" "this" {
  name            = var.name
  cluster         = aws_ecs_cluster.this.id
  task_definition = module.task["web"].arn
  launch_type     = var.capacity_provider == "FARGATE" ? "FARGATE" : null
  desired_count   = var.min_count

  availability_zone_rebalancing      = "ENABLED"
  deployment_maximum_percent         = 200
  deployment_minimum_healthy_percent = 100
  enable_ecs_managed_tags            = true
  enable_execute_command             = var.execute_command_enabled
  # After its start, a target needs two answers, 10 seconds apart.
  health_check_grace_period_seconds = coalesce(var.health_check_grace_period_seconds, var.start_period_seconds + 30)
  propagate_tags                    = "SERVICE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  load_balancer {
    container_name   = module.task["web"].container_name
    container_port   = var.container_port
    target_group_arn = module.target.arn
  }

  network_configuration {
    assign_public_ip = var.assign_public_ip
    security_groups  = [var.data_app_security_group_id]
    subnets          = var.assign_public_ip ? var.network_public_subnet_ids : var.network_private_subnet_ids
  }

  dynamic "capacity_provider_strategy" {
    for_each = aws_ecs_cluster_capacity_providers.spot

    content {
      capacity_provider = one(capacity_provider_strategy.value.capacity_providers)
      weight            = 1
    }
  }

  lifecycle {
    # Auto-scaling's from the first day on.
    ignore_changes = [desired_count]
  }

  # ECS takes a target group only when a listener uses it.
  depends_on = [module.load_balancer]
}
