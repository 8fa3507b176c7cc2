mock_provider "google" {
  mock_resource "google_cloud_run_v2_service" {
    defaults = {
      id  = "projects/my-project-123456/locations/us-central1/services/dev-hello-gcp"
      uri = "https://dev-hello-gcp-abcdefghij-uc.a.run.app"
    }
  }

  mock_resource "google_cloud_run_v2_job" {
    defaults = {
      id = "projects/my-project-123456/locations/us-central1/jobs/dev-hello-gcp--cleanup"
    }
  }

  mock_resource "google_cloud_run_v2_worker_pool" {
    defaults = {
      id = "projects/my-project-123456/locations/us-central1/workerPools/dev-hello-gcp--worker"
    }
  }

  mock_resource "google_service_account" {
    defaults = {
      email  = "dev-hello-gcp@my-project-123456.iam.gserviceaccount.com"
      member = "serviceAccount:dev-hello-gcp@my-project-123456.iam.gserviceaccount.com"
    }
  }
}

variables {
  image   = "127.0.0.1:4567/my-project-123456/dev-hello-gcp/dev-hello-gcp@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  name    = "dev-hello-gcp"
  project = "my-project-123456"
  tags    = { Environment = "development", Project = "hello-gcp" }
}

run "defaults" {
  command = apply

  assert {
    condition = (
      google_cloud_run_v2_service.this.scaling[0].min_instance_count == 2
      && google_cloud_run_v2_service.this.template[0].scaling[0].min_instance_count == null
      && google_cloud_run_v2_service.this.template[0].scaling[0].max_instance_count == 10
      && google_cloud_run_v2_service.this.template[0].max_instance_request_concurrency == 80
    )
    error_message = "Scaling has the bounds that were given."
  }

  assert {
    condition     = google_cloud_run_v2_service.this.template[0].containers[0].image == var.image
    error_message = "The image is the one that was given, by digest."
  }

  assert {
    condition = (
      google_cloud_run_v2_service.this.template[0].containers[0].resources[0].limits == tomap({ cpu = "1", memory = "512Mi" })
      && google_cloud_run_v2_service.this.template[0].containers[0].resources[0].cpu_idle
      && google_cloud_run_v2_service.this.template[0].execution_environment == "EXECUTION_ENVIRONMENT_GEN2"
    )
    error_message = "Tasks are of the second generation and of the size that was given, with CPU while there are requests."
  }

  assert {
    condition = (
      google_cloud_run_v2_service.this.template[0].containers[0].ports[0].container_port == 8000
      && google_cloud_run_v2_service.this.template[0].containers[0].startup_probe[0].tcp_socket[0].port == 8000
      && length(google_cloud_run_v2_service.this.template[0].containers[0].startup_probe[0].http_get) == 0
      && length(google_cloud_run_v2_service.this.template[0].containers[0].liveness_probe) == 0
    )
    error_message = "A task serves when its port accepts a connection, and no liveness probe asks a path that it may not have."
  }

  assert {
    condition = (
      google_cloud_run_v2_service.this.template[0].containers[0].startup_probe[0].failure_threshold
      * google_cloud_run_v2_service.this.template[0].containers[0].startup_probe[0].period_seconds == 60
    )
    error_message = "A task has a minute to start."
  }

  assert {
    condition = { for variable in google_cloud_run_v2_service.this.template[0].containers[0].env : variable.name => variable.value } == {
      IMAGE_DIGEST = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    }
    error_message = "The application is told its image."
  }

  assert {
    condition = (
      google_cloud_run_v2_service.this.traffic[0].type == "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
      && google_cloud_run_v2_service.this.traffic[0].percent == 100
    )
    error_message = "Every request goes to the newest revision."
  }

  assert {
    condition = (
      google_service_account.this.account_id == "dev-hello-gcp"
      && google_cloud_run_v2_service.this.template[0].service_account == google_service_account.this.email
    )
    error_message = "The service runs as an account of its own."
  }

  assert {
    condition = (
      !google_cloud_run_v2_service.this.invoker_iam_disabled
      && google_cloud_run_v2_service.this.ingress == "INGRESS_TRAFFIC_ALL"
    )
    error_message = "From everywhere, but by nobody who is not allowed to."
  }

  assert {
    condition     = length(google_secret_manager_secret_iam_member.this) == 0
    error_message = "Without secrets, the account may do nothing."
  }

  assert {
    condition     = google_cloud_run_v2_service.this.deletion_protection == false
    error_message = "Destroying an environment needs no apply before."
  }

  assert {
    condition = alltrue([
      for service, api in google_project_service.api : api.service == service && api.disable_on_destroy == false
    ]) && keys(google_project_service.api) == ["iam.googleapis.com", "run.googleapis.com"]
    error_message = "The APIs are turned on, and stay on for the project's other services."
  }

  assert {
    condition     = local.labels == { environment = "development", project = "hello-gcp", managedby = "terraform" }
    error_message = "Tags become labels."
  }

  assert {
    condition = (
      output.app_url == "https://dev-hello-gcp-abcdefghij-uc.a.run.app"
      && output.image == var.image
      && output.log_filter == "resource.type=\"cloud_run_revision\" AND resource.labels.location=\"us-central1\" AND resource.labels.service_name=\"dev-hello-gcp\""
      && output.service_id == "projects/my-project-123456/locations/us-central1/services/dev-hello-gcp"
      && output.service_account_email == "dev-hello-gcp@my-project-123456.iam.gserviceaccount.com"
    )
    error_message = "The outputs say what runs, and where."
  }
}

run "almost_everything_changed" {
  command = plan

  variables {
    container_port          = 5000
    cpu_units               = 4096
    deletion_protection     = true
    environment_variables   = { APP_NAME = "hello-gcp", API_KEY_SECRET_ID = "key", IMAGE_DIGEST = "another" }
    health_check_path       = "/"
    ingress                 = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    max_concurrent_requests = 1000
    max_count               = 300
    memory_mib              = 16384
    min_count               = 0
    allow_unauthenticated   = true
    region                  = "europe-west12"
    start_period_seconds    = 240
    tags                    = { Environment = "Development", Project = "Hello, GCP", "Cost Center" = "R&D", ManagedBy = "somebody" }
  }

  assert {
    condition = (
      google_cloud_run_v2_service.this.scaling[0].min_instance_count == 0
      && google_cloud_run_v2_service.this.template[0].scaling[0].max_instance_count == 300
      && google_cloud_run_v2_service.this.template[0].max_instance_request_concurrency == 1000
      && google_cloud_run_v2_service.this.template[0].containers[0].resources[0].limits == tomap({ cpu = "4", memory = "16384Mi" })
      && google_cloud_run_v2_service.this.template[0].containers[0].ports[0].container_port == 5000
      && length(google_cloud_run_v2_service.this.template[0].containers[0].startup_probe[0].tcp_socket) == 0
      && google_cloud_run_v2_service.this.template[0].containers[0].startup_probe[0].failure_threshold == 240
      && alltrue([
        for probe in [
          google_cloud_run_v2_service.this.template[0].containers[0].startup_probe[0],
          google_cloud_run_v2_service.this.template[0].containers[0].liveness_probe[0],
        ] : probe.http_get[0].path == "/" && probe.http_get[0].port == 5000
      ])
      && google_cloud_run_v2_service.this.ingress == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
      && google_cloud_run_v2_service.this.location == "europe-west12"
      && google_cloud_run_v2_service.this.deletion_protection
    )
    error_message = "What is given is what is built."
  }

  assert {
    condition = { for variable in google_cloud_run_v2_service.this.template[0].containers[0].env : variable.name => variable.value } == {
      API_KEY_SECRET_ID = "key"
      APP_NAME          = "hello-gcp"
      IMAGE_DIGEST      = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    }
    error_message = "What the layer sets overrides what is given."
  }

  assert {
    condition     = google_cloud_run_v2_service.this.invoker_iam_disabled
    error_message = "Everybody may send requests to this service."
  }

  assert {
    condition     = local.labels == { cost-center = "r-d", environment = "development", managedby = "terraform", project = "hello--gcp" }
    error_message = "What a label cannot hold becomes a hyphen, and the layer's own label wins."
  }
}

run "secrets" {
  command = apply

  variables {
    data_environment_secrets = {
      SECRET_KEY = "projects/my-project-123456/secrets/dev-hello-gcp_environment_SECRET_KEY/versions/2"
      STRIPE_KEY = "projects/my-project-123456/secrets/stripe/versions/7"
      STRIPE_TOO = "projects/my-project-123456/secrets/stripe/versions/7"
    }
    environment_variables = { APP_NAME = "hello-gcp" }
  }

  assert {
    condition = {
      for variable in google_cloud_run_v2_service.this.template[0].containers[0].env :
      variable.name => join(" ", [for source in variable.value_source : "${source.secret_key_ref[0].secret} ${source.secret_key_ref[0].version}"])
      } == {
      APP_NAME     = ""
      IMAGE_DIGEST = ""
      SECRET_KEY   = "dev-hello-gcp_environment_SECRET_KEY 2"
      STRIPE_KEY   = "stripe 7"
      STRIPE_TOO   = "stripe 7"
    }
    error_message = "Secrets are named by their version, beside what is plain."
  }

  assert {
    condition = {
      for secret, grant in google_secret_manager_secret_iam_member.this : secret => "${grant.project} ${grant.secret_id} ${grant.role} ${grant.member}"
      } == {
      for secret in ["dev-hello-gcp_environment_SECRET_KEY", "stripe"] :
      secret => "my-project-123456 ${secret} roles/secretmanager.secretAccessor serviceAccount:dev-hello-gcp@my-project-123456.iam.gserviceaccount.com"
    }
    error_message = "The service's account may read these, and no other."
  }
}

run "processes" {
  command = apply

  variables {
    data_environment_secrets = { SECRET_KEY = "projects/my-project-123456/secrets/dev-hello-gcp_environment_SECRET_KEY/versions/2" }
    environment_variables    = { APP_NAME = "hello-gcp" }
    processes = {
      beat   = { command = ["celery", "-A", "shop", "beat"], cpu_units = 2048, memory_mib = 1024 }
      worker = { command = ["celery", "-A", "shop", "worker"], max_count = 3, min_count = 3 }
    }
  }

  assert {
    condition = {
      for name, pool in google_cloud_run_v2_worker_pool.process : pool.name => pool.scaling[0].manual_instance_count
    } == { dev-hello-gcp--beat = 1, dev-hello-gcp--worker = 3 }
    error_message = "Each process has a worker pool with as many instances as it was given."
  }

  assert {
    condition = alltrue([
      for pool in values(google_cloud_run_v2_worker_pool.process) :
      pool.template[0].containers[0].image == var.image
      && pool.template[0].containers[0].command == null
      && pool.template[0].service_account == google_service_account.this.email
      && pool.template[0].containers[0].env == google_cloud_run_v2_service.this.template[0].containers[0].env
      && pool.instance_splits[0].type == "INSTANCE_SPLIT_ALLOCATION_TYPE_LATEST"
      && !pool.deletion_protection
    ])
    error_message = "A process has image, account, environment and secrets of the web server, and the image's ENTRYPOINT."
  }

  assert {
    condition = { for name, pool in google_cloud_run_v2_worker_pool.process : name => {
      args = pool.template[0].containers[0].args, limits = pool.template[0].containers[0].resources[0].limits
      } } == {
      beat   = { args = tolist(["celery", "-A", "shop", "beat"]), limits = tomap({ cpu = "2", memory = "1024Mi" }) }
      worker = { args = tolist(["celery", "-A", "shop", "worker"]), limits = tomap({ cpu = "1", memory = "512Mi" }) }
    }
    error_message = "A process has its own command and size, or the web server's."
  }

  assert {
    condition     = output.processes.worker.worker_pool_id == "projects/my-project-123456/locations/us-central1/workerPools/dev-hello-gcp--worker"
    error_message = "Who follows a deployment finds the worker pool."
  }

  assert {
    condition     = length(google_cloud_scheduler_job.this) == 0 && length(google_service_account.scheduler) == 0 && !contains(keys(google_project_service.api), "cloudscheduler.googleapis.com")
    error_message = "Without schedules there is nothing of Cloud Scheduler."
  }
}

run "schedules" {
  command = apply

  variables {
    schedules = {
      cleanup = { command = ["flask", "cleanup"], schedule = "cron(0 3 * * ? *)", timezone = "Europe/Berlin" }
      report  = { command = ["flask", "report"], cpu_units = 4096, memory_mib = 2048, schedule = "rate(15 minutes)" }
    }
  }

  assert {
    condition = { for job in google_cloud_scheduler_job.this : job.name => "${job.schedule} ${job.time_zone}" } == {
      dev-hello-gcp--cleanup = "0 3 * * * Europe/Berlin"
      dev-hello-gcp--report  = "*/15 * * * * UTC"
    }
    error_message = "Each schedule has its time, in words of crontab."
  }

  assert {
    condition = alltrue([
      for job in google_cloud_scheduler_job.this :
      job.http_target[0].uri == "https://run.googleapis.com/v2/projects/my-project-123456/locations/us-central1/jobs/dev-hello-gcp--cleanup:run"
      && job.http_target[0].oauth_token[0].service_account_email == google_service_account.scheduler[0].email
      && job.retry_config[0].max_retry_duration == "3600s"
    ])
    error_message = "Cloud Scheduler runs the job as an account of its own, and tries that again for an hour."
  }

  assert {
    condition = google_service_account.scheduler[0].account_id == "dev-hello-gcp--cron" && {
      for name, grant in google_cloud_run_v2_job_iam_member.scheduler : name => "${grant.name} ${grant.role}"
    } == { cleanup = "dev-hello-gcp--cleanup roles/run.invoker", report = "dev-hello-gcp--report roles/run.invoker" }
    error_message = "That account may run these jobs, and nothing else."
  }

  assert {
    condition = { for name, job in google_cloud_run_v2_job.schedule : name => {
      args   = job.template[0].template[0].containers[0].args
      limits = job.template[0].template[0].containers[0].resources[0].limits
      } } == {
      cleanup = { args = tolist(["flask", "cleanup"]), limits = tomap({ cpu = "1", memory = "512Mi" }) }
      report  = { args = tolist(["flask", "report"]), limits = tomap({ cpu = "4", memory = "2048Mi" }) }
    }
    error_message = "A job has its own command and size, or the web server's."
  }

  assert {
    condition = alltrue([
      for job in values(google_cloud_run_v2_job.schedule) :
      job.template[0].template[0].containers[0].image == var.image
      && job.template[0].template[0].service_account == google_service_account.this.email
      && job.template[0].template[0].max_retries == 0
    ])
    error_message = "A job runs the image once, as the application."
  }

  assert {
    condition     = contains(keys(google_project_service.api), "cloudscheduler.googleapis.com") && output.schedules.cleanup.job_id != ""
    error_message = "The API is on, and who looks for the last run finds the job."
  }
}

run "times" {
  command = plan

  variables {
    schedules = {
      for number, schedule in [
        "cron(0/5 * * * ? *)", "cron(5,35 8-18/2 ? * MON-FRI *)", "cron(0 0 ? * 1,7 *)", "cron(0 12 ? * sun/2 *)", "cron(15 10 1/10 jan,6 ? *)",
        "cron(*/10 * ? JUN-AUG 2-6 *)", "rate(1 minute)", "rate(60 minutes)", "rate(6 hours)", "rate(1 day)", "rate(24 hours)",
      ] : "s${number}" => { command = ["true"], schedule = schedule }
    }
  }

  assert {
    condition = [for number in range(11) : local.crontabs["s${number}"]] == [
      "0-59/5 * * * *", "5,35 8-18/2 * * 1-5", "0 0 * * 0,6", "0 12 * * 0-6/2", "15 10 1-31/10 1,6 *",
      "*/10 * * 6-8 1-5", "* * * * *", "0 * * * *", "0 */6 * * *", "0 0 * * *", "0 0 * * *",
    ]
    error_message = "An expression of EventBridge Scheduler is the same time in crontab."
  }
}

run "processes_that_would_be_scaled" {
  command = plan

  variables {
    processes = { worker = { command = ["celery"], max_count = 2 } }
  }

  expect_failures = [var.processes]
}

run "long_name_of_a_process" {
  command = plan

  variables {
    name      = "staging-an-app-of-some-name"
    processes = { a-process-of-a-long-name = { command = ["celery"] } }
  }

  expect_failures = [var.processes]
}

run "schedule_named_as_a_process" {
  command = plan

  variables {
    processes = { worker = { command = ["celery"] } }
    schedules = { worker = { command = ["celery"], schedule = "cron(0 3 * * ? *)" } }
  }

  expect_failures = [var.schedules]
}

run "long_name_of_the_schedules_account" {
  command = plan

  variables {
    name      = "staging-an-app-of-a-name"
    schedules = { cleanup = { command = ["flask"], schedule = "cron(0 3 * * ? *)" } }
  }
}

run "name_too_long_for_the_schedules_account" {
  command = plan

  variables {
    name      = "staging-an-app-of-a-names"
    schedules = { cleanup = { command = ["flask"], schedule = "cron(0 3 * * ? *)" } }
  }

  expect_failures = [var.schedules]
}

run "rejects_secrets_without_a_version" {
  command = plan

  variables {
    data_environment_secrets = { KEY = "projects/my-project-123456/secrets/stripe" }
  }

  expect_failures = [var.data_environment_secrets]
}

run "rejects_secrets_of_another_project" {
  command = plan

  variables {
    data_environment_secrets = { KEY = "projects/another-project/secrets/stripe/versions/1" }
  }

  expect_failures = [var.data_environment_secrets]
}

run "smallest_of_the_largest_cpu" {
  command = plan

  variables {
    cpu_units               = 4096
    max_concurrent_requests = 1
    max_count               = 1
    memory_mib              = 2048
    min_count               = 1
  }

  assert {
    condition     = google_cloud_run_v2_service.this.template[0].containers[0].resources[0].limits["memory"] == "2048Mi"
    error_message = "The smallest memory of four CPUs is 2 GiB."
  }
}

run "wrong_sizes" {
  command = plan

  variables {
    container_port = 80
    cpu_units      = 1024
    max_count      = 1
    memory_mib     = 4097
    name           = "a-b-c"
  }

  expect_failures = [
    var.container_port,
    var.max_count,
    var.memory_mib,
    var.name,
  ]
}

# A rule is not asked about a variable whose limit is wrong itself: cpu_units and min_count are wrong by themselves.
run "wrong_bounds" {
  command = plan

  variables {
    cpu_units               = 256
    max_concurrent_requests = 1001
    min_count               = -1
    name                    = "dev--hello"
    start_period_seconds    = 241
  }

  expect_failures = [
    var.cpu_units,
    var.max_concurrent_requests,
    var.min_count,
    var.name,
    var.start_period_seconds,
  ]
}

run "too_little" {
  command = plan

  variables {
    memory_mib = 511
    min_count  = 1.5
  }

  expect_failures = [var.memory_mib, var.min_count]
}

run "not_whole" {
  command = plan

  variables {
    container_port          = 8000.5
    max_concurrent_requests = 1.5
    max_count               = 2.5
    memory_mib              = 512.5
  }

  expect_failures = [
    var.container_port,
    var.max_concurrent_requests,
    var.max_count,
    var.memory_mib,
  ]
}

run "no_task_at_all" {
  command = plan

  variables {
    container_port          = 65536
    cpu_units               = 4096
    max_concurrent_requests = 0
    max_count               = 0
    memory_mib              = 2047
    min_count               = 0
  }

  expect_failures = [
    var.container_port,
    var.max_concurrent_requests,
    var.max_count,
    var.memory_mib,
  ]
}

run "wrong_texts" {
  command = plan

  variables {
    environment_variables = { DATABASE_PASSWORD = "x" }
    health_check_path     = "healthz"
    image                 = "dev-hello-gcp:latest"
    ingress               = "all"
    project               = "1234567890"
    region                = "us-east-1"
    tags                  = { Environment = "development" }
  }

  expect_failures = [
    var.environment_variables,
    var.health_check_path,
    var.image,
    var.ingress,
    var.project,
    var.region,
    var.tags,
  ]
}

run "more_wrong_texts" {
  command = plan

  variables {
    environment_variables = { DATABASE_URL = "postgresql://user:password@host/database" }
    health_check_path     = "/healthz?full=1"
    image                 = "dev-hello-gcp@sha256:0123"
    project               = "My-Project"
    tags                  = { Environment = "development", Project = "hello-gcp", "1st" = "x" }
  }

  expect_failures = [
    var.environment_variables,
    var.health_check_path,
    var.image,
    var.project,
    var.tags,
  ]
}

run "what_cloud_run_sets_itself" {
  command = plan

  variables {
    environment_variables = { PORT = "8000" }
    tags                  = { Environment = "development", Project = "hello-gcp", "Cost Center" = "1", "cost-center" = "2" }
  }

  expect_failures = [var.environment_variables, var.tags]
}

run "too_many_variables" {
  command = plan

  variables {
    environment_variables = { for number in range(1000) : "V${number}" => "x" }
    tags                  = { Environment = "development", Project = "a123456789b123456789c123456789d123456789e123456789f123456789g123" }
  }

  expect_failures = [var.environment_variables, var.tags]
}

run "without_a_network" {
  command = plan

  assert {
    condition     = length(google_cloud_run_v2_service.this.template[0].vpc_access) == 0 && length(google_secret_manager_secret_iam_member.this) == 0
    error_message = "An application without a database is in no network, and reads no secret."
  }
}

run "with_a_database" {
  command = plan

  variables {
    data_environment_secrets = { DATABASE_URL = "projects/my-project-123456/secrets/dev-hello-gcp_database_app_url/versions/1" }
    data_secret_files        = { "/slipway/database-ca.pem" = "projects/my-project-123456/secrets/dev-hello-gcp_database_ca/versions/3" }
    network_subnet_id        = "projects/my-project-123456/regions/us-central1/subnetworks/dev-main"
    network_vpc_id           = "projects/my-project-123456/global/networks/dev-main"
    processes                = { worker = { command = ["worker"] } }
    readable_secret_names    = ["projects/my-project-123456/secrets/dev-hello-gcp_database_app"]
    schedules                = { nightly = { command = ["nightly"], schedule = "cron(0 3 * * ? *)" } }
  }

  assert {
    condition = (
      google_cloud_run_v2_service.this.template[0].vpc_access[0].egress == "PRIVATE_RANGES_ONLY"
      && google_cloud_run_v2_service.this.template[0].vpc_access[0].network_interfaces[0].subnetwork == var.network_subnet_id
      && google_cloud_run_v2_service.this.template[0].vpc_access[0].network_interfaces[0].network == var.network_vpc_id
    )
    error_message = "Its connections to private addresses go through the subnet."
  }

  assert {
    condition = alltrue([
      for access in [
        google_cloud_run_v2_worker_pool.process["worker"].template[0].vpc_access[0],
        google_cloud_run_v2_job.schedule["nightly"].template[0].template[0].vpc_access[0],
      ] : access.network_interfaces[0].subnetwork == var.network_subnet_id && access.network_interfaces[0].network == var.network_vpc_id
    ])
    error_message = "So do those of its processes and its scheduled commands."
  }

  assert {
    condition = (
      toset(keys(google_secret_manager_secret_iam_member.this)) == toset([
        "dev-hello-gcp_database_app", "dev-hello-gcp_database_app_url", "dev-hello-gcp_database_ca",
      ])
      && alltrue([for grant in google_secret_manager_secret_iam_member.this : grant.role == "roles/secretmanager.secretAccessor"])
    )
    error_message = "It reads the secret of its user, and no other one of the database."
  }

  assert {
    condition = alltrue([
      for template in [
        google_cloud_run_v2_service.this.template[0],
        google_cloud_run_v2_worker_pool.process["worker"].template[0],
        google_cloud_run_v2_job.schedule["nightly"].template[0].template[0],
        ] : (
        template.volumes[0].name == "slipway-database-ca-pem"
        && template.volumes[0].secret[0].secret == "dev-hello-gcp_database_ca"
        && template.volumes[0].secret[0].items[0].path == "database-ca.pem"
        && template.volumes[0].secret[0].items[0].version == "3"
        && template.containers[0].volume_mounts[0].name == template.volumes[0].name
        && template.containers[0].volume_mounts[0].mount_path == "/slipway"
      )
    ])
    error_message = "What runs has the authorities of the database in a file, by the number of their version."
  }
}

run "rejects_files_that_cannot_be_mounted" {
  command = plan

  variables {
    data_secret_files = {
      "/one/a" = "projects/my-project-123456/secrets/a/versions/1"
      "/one/b" = "projects/my-project-123456/secrets/b/versions/1"
    }
  }

  expect_failures = [var.data_secret_files]
}

run "rejects_files_in_reserved_folders" {
  command = plan

  variables {
    data_secret_files = { "/proc/one/a" = "projects/my-project-123456/secrets/a/versions/1" }
  }

  expect_failures = [var.data_secret_files]
}

run "rejects_files_of_other_projects" {
  command = plan

  variables {
    data_secret_files = { "/one/a" = "projects/another-project/secrets/a/versions/1" }
  }

  expect_failures = [var.data_secret_files]
}

run "rejects_another_region_s_subnet" {
  command = plan

  variables {
    network_subnet_id     = "projects/my-project-123456/regions/europe-west1/subnetworks/dev-main"
    network_vpc_id        = "projects/my-project-123456/global/networks/dev-main"
    readable_secret_names = ["dev-hello-gcp_database_app"]
  }

  expect_failures = [var.network_subnet_id, var.readable_secret_names]
}

run "rejects_a_network_without_a_subnet" {
  command = plan

  variables {
    network_vpc_id = "projects/my-project-123456/global/networks/dev-main"
  }

  expect_failures = [var.network_vpc_id]
}
