data "aws_partition" "current" {}

locals {
  # arn:aws:ecr:<region>:<account>:repository/<name>. App Runner takes the registry's own name, whatever address the
  # image was pushed to.
  repository = split(":", var.registry_repository_arn)
  image = format(
    "%s.dkr.ecr.%s.%s/%s@%s",
    local.repository[4], local.repository[3], data.aws_partition.current.dns_suffix,
    trimprefix(local.repository[5], "repository/"), split("@", var.image)[1],
  )

  # What the platform knows better than its caller comes last and wins.
  environment_variables = merge(
    var.environment_variables,
    {
      AWS_DEFAULT_REGION = var.region
      AWS_REGION         = var.region
      IMAGE_DIGEST       = split("@", var.image)[1]
    },
    # App Runner reads secrets when it deploys. Another version of one is another variable, and so a deployment.
    length(var.data_environment_secrets) == 0 ? {} : { SECRET_VERSIONS = var.data_environment_secret_versions },
  )

  # 20 failed checks are the most that App Runner waits for.
  health_check_interval = max(5, ceil(var.start_period_seconds / 20))
}

resource "aws_apprunner_auto_scaling_configuration_version" "this" {
  auto_scaling_configuration_name = var.name
  max_concurrency                 = var.max_concurrent_requests
  max_size                        = var.max_count
  min_size                        = var.min_count

  # A version cannot be deleted while a service uses it, so the service takes the next one first.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_apprunner_service" "this" {
  service_name                   = var.name
  auto_scaling_configuration_arn = aws_apprunner_auto_scaling_configuration_version.this.arn

  health_check_configuration {
    protocol            = var.health_check_path == null ? "TCP" : "HTTP"
    path                = var.health_check_path
    interval            = local.health_check_interval
    timeout             = 2
    healthy_threshold   = 1
    unhealthy_threshold = ceil(var.start_period_seconds / local.health_check_interval)
  }

  instance_configuration {
    cpu               = tostring(var.cpu_units)
    memory            = tostring(var.memory_mib)
    instance_role_arn = aws_iam_role.instance.arn
  }

  dynamic "network_configuration" {
    for_each = aws_apprunner_vpc_connector.this

    content {
      egress_configuration {
        egress_type       = "VPC"
        vpc_connector_arn = network_configuration.value.arn
      }
    }
  }

  source_configuration {
    # A new image is a new digest, which Terraform deploys.
    auto_deployments_enabled = false

    authentication_configuration {
      access_role_arn = aws_iam_role.access.arn
    }

    image_repository {
      image_identifier      = local.image
      image_repository_type = "ECR"

      image_configuration {
        port                          = tostring(var.container_port)
        runtime_environment_secrets   = length(var.data_environment_secrets) == 0 ? null : var.data_environment_secrets
        runtime_environment_variables = local.environment_variables
      }
    }
  }

  # The roles without their permissions can neither pull the image nor read secrets. App Runner may not know a new one for
  # some seconds; the role terraform_layer then applies again.
  depends_on = [aws_iam_role_policy.access, aws_iam_role_policy.instance]
}
