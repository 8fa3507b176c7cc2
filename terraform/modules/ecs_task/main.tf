locals {
  container_name = "app"

  # In Python because an image of a Python application has it, while curl is one more thing to patch. By hand, and without
  # what Python loads for each user: it runs every ten seconds in a quarter of a vCPU, and urllib costs four times as much.
  default_health_check_command = [
    "CMD", "python", "-IS", "-c",
    join("; ", [
      "import socket",
      "server = socket.create_connection(('127.0.0.1', ${local.port}), 4)",
      "server.sendall(b'GET ${local.health_check_path} HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n')",
      "raise SystemExit(${local.health_check_failure})",
    ]),
  ]

  health_check_path = coalesce(var.health_check_path, "/healthz")
  # HTTP/1.1 200 OK: a path that somebody has named answers 200. An application that has no /healthz is alive when it
  # answers whatever is no error of its own: 404, 400 to the host, 302 to a login.
  health_check_failure = (
    var.health_check_path == null ? "server.recv(64)[9:10] not in (b'2', b'3', b'4')" : "server.recv(64)[9:12] != b'200'"
  )

  # Nobody asks a command that listens on no port.
  port                 = coalesce(var.container_port, 0)
  health_check_command = var.container_port == null || var.health_check_command != null ? var.health_check_command : local.default_health_check_command

  # What the platform knows better than its caller comes last and wins.
  known = merge(var.environment_variables, {
    AWS_DEFAULT_REGION = var.region
    AWS_REGION         = var.region
    IMAGE_DIGEST       = split("@", var.image)[1]
    PORT               = var.container_port
  })
  environment_variables = { for key, value in local.known : key => tostring(value) if value != null }

  # The agent of an ECS Exec session runs inside the container, as root, and writes to these three directories; a
  # read-only root file system refuses that (https://github.com/aws/containers-roadmap/issues/1359).
  execute_command_volumes = var.execute_command_enabled ? {
    execute-command-agent = "/managed-agents"
    execute-command-data  = "/var/lib/amazon/ssm"
    execute-command-log   = "/var/log/amazon/ssm"
  } : {}
}

resource "aws_ecs_task_definition" "this" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu_units
  memory                   = var.memory_mib
  execution_role_arn       = var.execution_role_arn
  task_role_arn            = var.task_role_arn

  container_definitions = jsonencode([{
    name                   = local.container_name
    image                  = var.image
    command                = var.command
    essential              = true
    user                   = var.user
    readonlyRootFilesystem = true
    stopTimeout            = var.stop_timeout_seconds

    environment = [
      for key in sort(keys(local.environment_variables)) : { name = key, value = local.environment_variables[key] }
    ]

    # Terraform writes null as nothing.
    secrets = length(var.secrets) == 0 ? null : [
      for key in sort(keys(var.secrets)) : { name = key, valueFrom = var.secrets[key] }
    ]
    # ECS reads secrets when it starts a task. Another version of one is another revision, whose tasks read it.
    dockerLabels = length(var.secrets) == 0 ? null : { secret-versions = var.secret_versions }

    healthCheck = local.health_check_command == null ? null : {
      command     = local.health_check_command
      interval    = 10
      timeout     = 5
      retries     = 3
      startPeriod = var.start_period_seconds
    }

    linuxParameters = {
      # An init reaps what health checks and ECS Exec sessions leave behind.
      initProcessEnabled = true
      # Not a volume: Fargate hands an empty volume over as root's, and the application is not root.
      tmpfs = [{ containerPath = "/tmp", size = var.tmp_size_mib, mountOptions = ["nodev", "nosuid"] }]
    }

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = var.log_group_name
        awslogs-region        = var.region
        awslogs-stream-prefix = var.log_stream_prefix
      }
    }

    mountPoints = [
      for volume, path in local.execute_command_volumes : { sourceVolume = volume, containerPath = path, readOnly = false }
    ]

    portMappings = [
      for port in var.container_port == null ? [] : [var.container_port] : { containerPort = port, hostPort = port, protocol = "tcp" }
    ]
  }])

  runtime_platform {
    cpu_architecture        = var.cpu_architecture
    operating_system_family = "LINUX"
  }

  dynamic "volume" {
    for_each = local.execute_command_volumes

    content {
      name = volume.key
    }
  }

  # Terraform would deregister the revision before, the moment the service is told of this one. ECS takes no INACTIVE
  # revision for a service (DeregisterTaskDefinition, Amazon ECS API reference), so there would be no way back from a
  # deployment that fails. `destroy` deletes all revisions.
  skip_destroy = true

  lifecycle {
    # A registration that fails leaves the running revision in the state.
    create_before_destroy = true
  }
}
