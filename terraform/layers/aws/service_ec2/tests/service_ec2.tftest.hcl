mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-0123456789abcdef0" }
  }
}

override_resource {
  target          = module.load_balancer[0].aws_lb.this
  override_during = plan
  values = {
    arn        = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/dev-web/1"
    arn_suffix = "app/dev-web/1"
    dns_name   = "dev-web-1.us-east-1.elb.amazonaws.com"
    zone_id    = "Z35SXDOTRQ7X7K"
  }
}

override_resource {
  target          = module.target.aws_lb_target_group.this
  override_during = plan
  values = {
    arn        = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/dev-web/1"
    arn_suffix = "targetgroup/dev-web/1"
  }
}

override_resource {
  target          = aws_cloudwatch_log_group.this
  override_during = plan
  values          = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:dev-web/service" }
}

override_resource {
  target          = aws_iam_instance_profile.this
  override_during = plan
  values          = { arn = "arn:aws:iam::111122223333:instance-profile/dev-web-instance" }
}

override_resource {
  target          = module.schedules[0].aws_iam_role.scheduler
  override_during = plan
  values          = { arn = "arn:aws:iam::111122223333:role/dev-web-scheduler" }
}

override_resource {
  target          = aws_ecs_cluster.schedules
  override_during = plan
  values          = { arn = "arn:aws:ecs:us-east-1:111122223333:cluster/dev-web" }
}

override_module {
  target = module.schedule_roles
  outputs = {
    execution_role_arn = "arn:aws:iam::111122223333:role/dev-web-schedules-execution"
    log_group_name     = "dev-web/schedules"
    task_role_arn      = "arn:aws:iam::111122223333:role/dev-web-schedules-task"
  }
}

override_resource {
  target          = module.schedule_task["cleanup"].aws_ecs_task_definition.this
  override_during = plan
  values          = { arn = "arn:aws:ecs:us-east-1:111122223333:task-definition/dev-web_cleanup:1" }
}

override_resource {
  target          = aws_launch_template.this
  override_during = plan
  values          = { id = "lt-0123456789abcdef0", latest_version = 7 }
}

variables {
  account_id                 = "111122223333"
  data_app_security_group_id = "sg-app"
  image                      = "111122223333.dkr.ecr.us-east-1.amazonaws.com/dev-web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  name                       = "dev-web"
  network_private_subnet_ids = ["subnet-3", "subnet-4"]
  network_public_subnet_ids  = ["subnet-1", "subnet-2"]
  network_vpc_id             = "vpc-1"
  registry_repository_arn    = "arn:aws:ecr:us-east-1:111122223333:repository/dev-web"
  tags                       = { Environment = "development", Project = "web" }
}

run "reference_with_domain" {
  command = plan

  variables {
    data_database_instance_identifier = "dev-web"
    domain_name                       = "web.example.org"
    environment_variables             = { API_KEY_SECRET_ID = "arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-web/api-key-AbCdEf", GREETING = "it's \"$HOME\" 100%" }
    readable_secret_arns              = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-web/api-key-AbCdEf"]
    zone_name                         = "example.org"
  }

  assert {
    condition = (
      one(aws_launch_template.this["web"].metadata_options).http_tokens == "required"
      && one(aws_launch_template.this["web"].metadata_options).http_put_response_hop_limit == 1
      && one(one(aws_launch_template.this["web"].block_device_mappings).ebs).encrypted == "true"
      && one(aws_launch_template.this["web"].network_interfaces).associate_public_ip_address == "false"
      && one(aws_launch_template.this["web"].network_interfaces).security_groups == toset(["sg-app"])
      && aws_launch_template.this["web"].key_name == null
      && aws_launch_template.this["web"].image_id == "ami-0123456789abcdef0"
      && aws_launch_template.this["web"].instance_type == "t3.micro"
    )
    error_message = "An instance has no public address and no key, an encrypted disk, and metadata by token and on itself only."
  }

  assert {
    condition = (
      aws_autoscaling_group.this.min_size == 2
      && aws_autoscaling_group.this.max_size == 10
      && aws_autoscaling_group.this.health_check_type == "ELB"
      && aws_autoscaling_group.this.health_check_grace_period == 300
      && one(aws_autoscaling_group.this.instance_maintenance_policy).min_healthy_percentage == 100
      && aws_autoscaling_group.this.vpc_zone_identifier == toset(["subnet-3", "subnet-4"])
      && aws_autoscaling_group.this.target_group_arns == toset(["arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/dev-web/1"])
      && one(aws_autoscaling_group.this.launch_template).version == "7"
      && alltrue([for tag in aws_autoscaling_group.this.tag : tag.propagate_at_launch])
      && { for tag in aws_autoscaling_group.this.tag : tag.key => tag.value } == { Environment = "development", ManagedBy = "terraform", Name = "dev-web", Project = "web" }
    )
    error_message = "Two to ten instances in both private subnets, which the load balancer's word keeps or replaces."
  }

  assert {
    condition = (
      aws_autoscaling_policy.cpu.policy_type == "TargetTrackingScaling"
      && one(aws_autoscaling_policy.cpu.target_tracking_configuration).target_value == 70
    )
    error_message = "Auto-scaling keeps the CPU at 70 %."
  }

  assert {
    condition = alltrue([
      for part in [
        "\nIMAGE_DIGEST=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
        "\nPORT=8000\n",
        "\nGREETING=it's \"$HOME\" 100%\n",
        "docker login --username AWS --password-stdin 111122223333.dkr.ecr.us-east-1.amazonaws.com\n",
        "docker pull --quiet ${var.image}\n",
        "--log-opt awslogs-group=dev-web/service",
        "ExecStop=/usr/bin/docker stop --time 30 app\n",
        "TimeoutStopSec=40\n",
        "--user 10001 --read-only --tmpfs /tmp:rw,nodev,nosuid,size=128m",
        "--memory 512m --memory-swap 512m",
      ] : strcontains(base64decode(aws_launch_template.this["web"].user_data), part)
    ])
    error_message = "The user data pulls the image by digest, and runs it with its environment, its log and its time to stop."
  }

  assert {
    condition = (
      toset([for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid]) == toset(["LogInToRegistry", "PullImage", "ReadSecrets", "SystemsManager", "WriteLog"])
      && alltrue([
        for statement in jsondecode(aws_iam_role_policy.this.policy).Statement :
        contains(["LogInToRegistry", "SystemsManager"], statement.Sid) || !contains(statement.Resource, "*")
      ])
    )
    error_message = "The role pulls this image, reads these secrets, writes this log, and names each where AWS has a name."
  }

  assert {
    condition     = output.app_url == "https://web.example.org" && output.image == var.image && output.launch_template_version == "7" && output.log_group_name == "dev-web/service"
    error_message = "The outputs say what is to run, and where."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.healthy_instances.threshold == 2 && aws_cloudwatch_metric_alarm.healthy_instances.treat_missing_data == "breaching"
    error_message = "An alarm goes off below two healthy instances."
  }
}

run "almost_everything_changed" {
  command = plan

  variables {
    ami_id                           = "ami-0fedcba9876543210"
    container_port                   = 9000
    cpu_architecture                 = "ARM64"
    cpu_target_percent               = 50
    data_bucket_arn                  = "arn:aws:s3:::dev-web-111122223333"
    data_environment_secret_arns     = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf", "arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-web/environment/SECRET_KEY-GhIjKl"]
    data_environment_secret_versions = "0123456789abcdef"
    data_environment_secrets = {
      MAIL_PASSWORD = "arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf:password::"
      SECRET_KEY    = "arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-web/environment/SECRET_KEY-GhIjKl"
    }
    health_check_codes                 = "200-399"
    health_check_grace_period_seconds  = 120
    health_check_path                  = "/ready"
    root_device_name                   = "/dev/sda1"
    root_volume_gb                     = 40
    instance_type                      = "t4g.small"
    load_balancer_idle_timeout_seconds = 300
    log_retention_days                 = 30
    max_count                          = 4
    memory_mib                         = 1024
    min_count                          = 4
    registry_repository_arn            = null
    start_period_seconds               = 300
    stop_timeout_seconds               = 60
    tmp_size_mib                       = 64
    user                               = "1000"
  }

  assert {
    condition = (
      aws_launch_template.this["web"].image_id == "ami-0fedcba9876543210"
      && length(data.aws_ssm_parameter.ami) == 0
      && aws_launch_template.this["web"].instance_type == "t4g.small"
      && aws_autoscaling_group.this.min_size == 4
      && aws_autoscaling_group.this.max_size == 4
      && aws_autoscaling_group.this.health_check_grace_period == 120
      && one(aws_autoscaling_policy.cpu.target_tracking_configuration).target_value == 50
      && aws_cloudwatch_log_group.this.retention_in_days == 30
      && output.app_url == "http://dev-web-1.us-east-1.elb.amazonaws.com"
    )
    error_message = "Each setting reaches what it is for."
  }

  assert {
    condition = (
      !strcontains(base64decode(aws_launch_template.this["web"].user_data), "docker login")
      && strcontains(base64decode(aws_launch_template.this["web"].user_data), "\nPORT=9000\n")
      && strcontains(base64decode(aws_launch_template.this["web"].user_data), "docker stop --time 60 app")
      && strcontains(base64decode(aws_launch_template.this["web"].user_data), "--user 1000 --read-only --tmpfs /tmp:rw,nodev,nosuid,size=64m")
      && strcontains(base64decode(aws_launch_template.this["web"].user_data), "--memory 1024m --memory-swap 1024m")
      && toset([for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid]) == toset(["ListBucket", "ReadSecrets", "SystemsManager", "UseObjects", "WriteLog"])
    )
    error_message = "An image of a public registry is pulled without a login, and a bucket may be used."
  }

  assert {
    condition = alltrue([
      for part in [
        "[[\"MAIL_PASSWORD\",\"arn:aws:secretsmanager:us-east-1:111122223333:secret:mail-AbCdEf\",\"password\"],[\"SECRET_KEY\",\"arn:aws:secretsmanager:us-east-1:111122223333:secret:dev-web/environment/SECRET_KEY-GhIjKl\",null]]",
        "0123456789abcdef",
      ] : strcontains(base64decode(aws_launch_template.this["web"].user_data), part)
    ])
    error_message = "The instance reads the secrets at each start, and their values are on no command line."
  }
}

run "slow_start" {
  command = plan

  variables {
    start_period_seconds = 120
  }

  assert {
    condition     = aws_autoscaling_group.this.health_check_grace_period == 390
    error_message = "One input says how long a start may take, after the time to boot and to install Docker."
  }
}

run "rejects_codes_and_times_that_a_load_balancer_does_not_take" {
  command = plan

  variables {
    health_check_codes                 = "300-200"
    load_balancer_idle_timeout_seconds = 0
    start_period_seconds               = 301
  }

  expect_failures = [var.health_check_codes, var.load_balancer_idle_timeout_seconds, var.start_period_seconds]
}

run "rejects_wrong_values" {
  command = plan

  variables {
    ami_id                            = "al2023"
    container_port                    = 80
    cpu_target_percent                = 5
    data_app_security_group_id        = "app"
    data_bucket_arn                   = "dev-web"
    environment_variables             = { DATABASE_PASSWORD = "x" }
    health_check_grace_period_seconds = -1
    image                             = "dev-web:latest"
    instance_type                     = "micro"
    log_retention_days                = 2
    min_count                         = 0
    name                              = "internal-web"
    network_private_subnet_ids        = ["subnet-3"]
    network_public_subnet_ids         = ["subnet-1", "subnet-1"]
    network_vpc_id                    = "net-1"
    readable_secret_arns              = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:*"]
    region                            = "virginia"
    registry_repository_arn           = "dev-web"
    root_device_name                  = "sda1"
    root_volume_gb                    = 4
    stop_timeout_seconds              = 1
    tags                              = { Project = "web" }
    user                              = "0"
  }

  expect_failures = [
    var.ami_id, var.container_port, var.cpu_target_percent, var.data_app_security_group_id,
    var.data_bucket_arn, var.environment_variables, var.health_check_grace_period_seconds, var.image, var.instance_type,
    var.log_retention_days, var.min_count, var.name, var.network_private_subnet_ids, var.network_public_subnet_ids,
    var.network_vpc_id, var.readable_secret_arns, var.region, var.registry_repository_arn, var.root_device_name,
    var.root_volume_gb, var.stop_timeout_seconds, var.tags, var.user,
  ]
}

run "rejects_too_few_instances_of_another_architecture" {
  command = plan

  variables {
    environment_variables = { GREETING = "two\nlines" }
    instance_type         = "t4g.micro"
    max_count             = 1
  }

  expect_failures = [var.environment_variables, var.instance_type, var.max_count]
}

run "rejects_more_memory_than_the_instance_has" {
  command = plan

  variables {
    memory_mib = 800
  }

  expect_failures = [var.memory_mib]
}

run "rejects_a_memory_without_room_for_temporary_files" {
  command = plan

  variables {
    memory_mib = 128
  }

  expect_failures = [var.tmp_size_mib]
}

run "rejects_an_architecture_that_ec2_does_not_have" {
  command = plan

  variables {
    cpu_architecture = "arm"
  }

  expect_failures = [var.cpu_architecture]
}

run "rejects_user_data_that_ec2_does_not_take" {
  command = plan

  variables {
    environment_variables = { LONG = join("", [for number in range(1000) : "0123456789abcdefg"]) }
  }

  expect_failures = [aws_launch_template.this]
}

run "on_the_load_balancer_of_the_network_without_nat_gateway" {
  command = plan

  variables {
    assign_public_ip     = true
    domain_name          = "web.example.org"
    shared_load_balancer = true
    network_load_balancer = {
      arn_suffix          = "app/dev-main/1"
      dns_name            = "dev-main-1.us-east-1.elb.amazonaws.com"
      domain_name         = "example.org"
      https_listener_arn  = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/dev-main/1/2"
      security_group_id   = "sg-main"
      zone_id             = "Z1"
      zone_id_of_dns_name = "Z35SXDOTRQ7X7K"
    }
  }

  assert {
    condition = (
      length(module.load_balancer) == 0
      && output.app_url == "https://web.example.org"
      && output.load_balancer_dns_name == "dev-main-1.us-east-1.elb.amazonaws.com"
      && output.zone_name_servers == null
    )
    error_message = "There is no load balancer of the app's own; the network's serves it."
  }

  assert {
    condition = (
      aws_launch_template.this["web"].network_interfaces[0].associate_public_ip_address == "true"
      && toset(aws_autoscaling_group.this.vpc_zone_identifier) == toset(["subnet-1", "subnet-2"])
    )
    error_message = "What needs no NAT gateway has a public address in a public subnet."
  }
}

run "rejects_a_network_without_load_balancer" {
  command = plan

  variables {
    domain_name          = "web.example.org"
    shared_load_balancer = true
  }

  expect_failures = [var.shared_load_balancer]
}

run "rejects_a_domain_that_the_certificate_does_not_cover" {
  command = plan

  variables {
    domain_name          = "a.web.example.org"
    shared_load_balancer = true
    network_load_balancer = {
      arn_suffix          = "app/dev-main/1"
      dns_name            = "dev-main-1.us-east-1.elb.amazonaws.com"
      domain_name         = "example.org"
      https_listener_arn  = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/dev-main/1/2"
      security_group_id   = "sg-main"
      zone_id             = "Z1"
      zone_id_of_dns_name = "Z35SXDOTRQ7X7K"
    }
  }

  expect_failures = [var.shared_load_balancer]
}

run "rejects_a_certificate_beside_that_of_the_network" {
  command = plan

  variables {
    certificate_arn      = "arn:aws:acm:us-east-1:111122223333:certificate/0a"
    domain_name          = "web.example.org"
    shared_load_balancer = true
    network_load_balancer = {
      arn_suffix          = "app/dev-main/1"
      dns_name            = "dev-main-1.us-east-1.elb.amazonaws.com"
      domain_name         = "example.org"
      https_listener_arn  = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/dev-main/1/2"
      security_group_id   = "sg-main"
      zone_id             = "Z1"
      zone_id_of_dns_name = "Z35SXDOTRQ7X7K"
    }
  }

  expect_failures = [var.certificate_arn]
}

run "rejects_a_zone_beside_the_one_of_the_network" {
  command = plan

  variables {
    domain_name           = "web.example.org"
    shared_load_balancer  = true
    zone_name             = "example.org"
    network_load_balancer = { domain_name = "example.org", https_listener_arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/dev-main/1/2" }
  }

  expect_failures = [var.zone_name]
}

run "processes" {
  command = plan

  variables {
    processes = {
      beat   = { command = ["celery", "-A", "shop", "beat"], stop_timeout_seconds = 5 }
      worker = { command = ["sh", "-c", "echo \"$HOME\""], instance_type = "t3.small", max_count = 4, memory_mib = 1024, min_count = 2 }
    }
  }

  assert {
    condition = output.processes == {
      beat   = { auto_scaling_group_name = "dev-web_beat", launch_template_id = "lt-0123456789abcdef0", launch_template_version = "7" }
      worker = { auto_scaling_group_name = "dev-web_worker", launch_template_id = "lt-0123456789abcdef0", launch_template_version = "7" }
    }
    error_message = "The outputs say of each process what is to run, and where."
  }

  assert {
    condition = (
      keys(aws_launch_template.this) == ["beat", "web", "worker"]
      && aws_launch_template.this["beat"].instance_type == "t3.micro"
      && aws_launch_template.this["worker"].instance_type == "t3.small"
      && aws_launch_template.this["worker"].name == "dev-web_worker"
      && alltrue([for one in aws_launch_template.this["worker"].tag_specifications : one.tags == tomap({ Environment = "development", ManagedBy = "terraform", Name = "dev-web_worker", Project = "web" })])
    )
    error_message = "A process has the size that it is given, or that of the web server."
  }

  assert {
    condition = alltrue([
      for part in [
        "json.loads(r\"\"\"[\"sh\",\"-c\",\"echo \\\"$HOME\\\"\"]\"\"\")",
        "awslogs-stream=worker/{instance}",
        "--auto-scaling-group-name dev-web_worker",
        "--memory 1024m --memory-swap 1024m",
        "OnFailure=app-failed.service\n",
        "docker stop --time 30 app\n",
        "\nIMAGE_DIGEST=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
      ] : strcontains(base64decode(aws_launch_template.this["worker"].user_data), part)
    ])
    error_message = "Its user data runs its command, and tells the group whether it runs."
  }

  assert {
    condition = (
      !strcontains(base64decode(aws_launch_template.this["worker"].user_data), "PORT=")
      && strcontains(base64decode(aws_launch_template.this["beat"].user_data), "docker stop --time 5 app\n")
      && !strcontains(base64decode(aws_launch_template.this["web"].user_data), "answer-group")
      && strcontains(base64decode(aws_launch_template.this["web"].user_data), "awslogs-stream=instance/{instance}")
    )
    error_message = "A process has no port, and the web server nobody to tell that it runs."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Resource if statement.Sid == "AnswerGroup"
      ] == [[
        "arn:aws:autoscaling:us-east-1:111122223333:autoScalingGroup:*:autoScalingGroupName/dev-web_beat",
        "arn:aws:autoscaling:us-east-1:111122223333:autoScalingGroup:*:autoScalingGroupName/dev-web_worker",
    ]]
    error_message = "Instances answer the groups of processes, and no others."
  }
}

run "rejects_wrong_processes" {
  command = plan

  variables {
    processes = { instance = { command = ["gunicorn", "shop:app"] } }
  }

  expect_failures = [var.processes]
}

run "schedules" {
  command = plan

  variables {
    schedules = { cleanup = { command = ["flask", "cleanup"], schedule = "cron(0 3 * * ? *)", timezone = "Europe/Berlin" } }
  }

  assert {
    condition = (
      module.schedules[0].group_name == "dev-web"
      && aws_ecs_cluster.schedules[0].name == "dev-web"
      && module.schedule_task["cleanup"].arn == "arn:aws:ecs:us-east-1:111122223333:task-definition/dev-web_cleanup:1"
      && output.processes == {}
    )
    error_message = "A schedule is a task in a cluster of the app's."
  }
}

run "rejects_a_schedule_of_another_cron" {
  command = plan

  variables {
    schedules = { cleanup = { command = ["flask", "cleanup"], schedule = "0 3 * * *" } }
  }

  expect_failures = [var.schedules]
}
