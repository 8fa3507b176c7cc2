resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65:this platform is the cheapest one and not for prod
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

resource "aws_ecs_service" "this" {
  #checkov:skip=CKV_AWS_333:a public address instead of a load balancer is what this platform is
  name            = var.name
  cluster         = aws_ecs_cluster.this.id
  task_definition = module.task["web"].arn
  launch_type     = "FARGATE"
  desired_count   = var.desired_count

  availability_zone_rebalancing      = "ENABLED"
  deployment_maximum_percent         = 200
  deployment_minimum_healthy_percent = 100
  enable_ecs_managed_tags            = true
  enable_execute_command             = var.execute_command_enabled
  propagate_tags                     = "SERVICE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    # A public subnet has no NAT gateway: without an address of its own a task reaches neither registry nor secrets.
    assign_public_ip = true
    security_groups  = [aws_security_group.public.id, var.data_app_security_group_id]
    subnets          = var.network_public_subnet_ids
  }
}
