# The provider plans here, with made-up credentials and nobody who answers: a mocked one refuses every configuration that
# holds an ephemeral resource (https://github.com/hashicorp/terraform/issues/38608).
provider "google" {
  access_token                    = "none"
  add_terraform_attribution_label = false
  project                         = "my-project-123456"
  region                          = "us-central1"

  artifact_registry_custom_endpoint  = "http://127.0.0.1:9/artifact_registry/v1/"
  cloud_run_v2_custom_endpoint       = "http://127.0.0.1:9/cloud_run_v2/v2/"
  cloud_scheduler_custom_endpoint    = "http://127.0.0.1:9/cloud_scheduler/v1/"
  compute_custom_endpoint            = "http://127.0.0.1:9/compute/v1/"
  dns_custom_endpoint                = "http://127.0.0.1:9/dns/v1/"
  iam_beta_custom_endpoint           = "http://127.0.0.1:9/iam_beta/v1/"
  resource_manager_custom_endpoint   = "http://127.0.0.1:9/resource_manager/v1/"
  secret_manager_custom_endpoint     = "http://127.0.0.1:9/secret_manager/v1/"
  service_networking_custom_endpoint = "http://127.0.0.1:9/service_networking/v1/"
  service_usage_custom_endpoint      = "http://127.0.0.1:9/service_usage/v1/"
  sql_custom_endpoint                = "http://127.0.0.1:9/sql/v1beta4/"
  storage_custom_endpoint            = "http://127.0.0.1:9/storage/v1/"
}

override_resource {
  target          = google_secret_manager_secret.generated
  override_during = plan
  values          = { id = "projects/my-project-123456/secrets/dev-hello-gcp_environment_SECRET_KEY" }
}

override_resource {
  target          = google_secret_manager_secret_version.generated
  override_during = plan
  values          = { version = "1" }
}

variables {
  name    = "dev-hello-gcp"
  project = "my-project-123456"
  tags    = { Environment = "development", Project = "hello-gcp" }
}

run "without_secrets" {
  command = plan

  assert {
    condition = (
      length(google_project_service.secret_manager) == 0
      && length(google_secret_manager_secret.generated) == 0
      && length(google_service_account.job) == 0
      && length(google_project_service.job) == 0
      && output.environment_secrets == {}
    )
    error_message = "An app without secrets has nothing, and enables nothing."
  }

  assert {
    condition     = local.labels == { environment = "development", project = "hello-gcp", managedby = "terraform" }
    error_message = "Tags become labels."
  }
}

run "secrets" {
  command = plan

  variables {
    region = "europe-west12"
    secrets = {
      SECRET_KEY = "generated"
      STRIPE_KEY = "projects/my-project-123456/secrets/Payment_stripe-1"
      MAIL       = "projects/my-project-123456/secrets/mail"
    }
    secret_versions = { "projects/my-project-123456/secrets/Payment_stripe-1" = "7" }
    tags            = { Environment = "Development", Project = "Hello, GCP", "Cost Center" = "R&D", ManagedBy = "somebody" }
  }

  assert {
    condition = (
      google_project_service.secret_manager[0].service == "secretmanager.googleapis.com"
      && !google_project_service.secret_manager[0].disable_on_destroy
    )
    error_message = "The API is turned on, and stays on for the project's other secrets."
  }

  assert {
    condition = (
      keys(google_secret_manager_secret.generated) == ["SECRET_KEY"]
      && google_secret_manager_secret.generated["SECRET_KEY"].secret_id == "dev-hello-gcp_environment_SECRET_KEY"
      && google_secret_manager_secret.generated["SECRET_KEY"].replication[0].user_managed[0].replicas[0].location == "europe-west12"
    )
    error_message = "What is generated is a secret of the app, in its region."
  }

  assert {
    condition = (
      google_secret_manager_secret_version.generated["SECRET_KEY"].secret == google_secret_manager_secret.generated["SECRET_KEY"].id
      && tostring(google_secret_manager_secret_version.generated["SECRET_KEY"].secret_data_wo_version) == "1"
      && google_secret_manager_secret_version.generated["SECRET_KEY"].secret_data == null
      && google_secret_manager_secret_version.generated["SECRET_KEY"].secret_data_wo == null
      && google_secret_manager_secret_version.generated["SECRET_KEY"].deletion_policy == "ABANDON"
    )
    error_message = "Its value is in no state, and the version before it stays."
  }

  assert {
    condition = output.environment_secrets == {
      MAIL       = "projects/my-project-123456/secrets/mail/versions/latest"
      SECRET_KEY = "projects/my-project-123456/secrets/dev-hello-gcp_environment_SECRET_KEY/versions/1"
      STRIPE_KEY = "projects/my-project-123456/secrets/Payment_stripe-1/versions/7"
    }
    error_message = "The service is told a version of each."
  }

  assert {
    condition     = local.labels == { cost-center = "r-d", environment = "development", managedby = "terraform", project = "hello--gcp" }
    error_message = "What a label cannot hold becomes a hyphen, and the layer's own label wins."
  }
}

run "rotated" {
  command = plan

  variables {
    credentials_version = 2
    secrets             = { SECRET_KEY = "generated" }
  }

  assert {
    condition     = tostring(google_secret_manager_secret_version.generated["SECRET_KEY"].secret_data_wo_version) == "2"
    error_message = "Another generation is another version."
  }
}

run "rejects_wrong_values" {
  command = plan

  variables {
    credentials_version = 0
    name                = "dev--hello"
    project             = "1234567890"
    region              = "us-east-1"
    tags                = { Environment = "development" }
  }

  expect_failures = [
    var.credentials_version,
    var.name,
    var.project,
    var.region,
    var.tags,
  ]
}

run "rejects_more_wrong_values" {
  command = plan

  variables {
    credentials_version = 1.5
    name                = "a-name-that-is-longer-than-that"
    project             = "My-Project"
    tags                = { Environment = "development", Project = "hello-gcp", "1st" = "x" }
  }

  expect_failures = [
    var.credentials_version,
    var.name,
    var.project,
    var.tags,
  ]
}

# A rule is not asked about a variable where another one that it names is wrong itself.
run "rejects_a_name_that_is_none" {
  command = plan

  variables {
    secrets = { "1ST" = "generated" }
  }

  expect_failures = [var.secrets]
}

run "rejects_a_value" {
  command = plan

  variables {
    secrets = { KEY = "hunter2" }
  }

  expect_failures = [var.secrets]
}

run "rejects_a_key_of_a_secret" {
  command = plan

  variables {
    secrets = { KEY = "projects/my-project-123456/secrets/mail:password::" }
  }

  expect_failures = [var.secrets]
}

run "rejects_a_version_of_a_secret" {
  command = plan

  variables {
    secrets = { KEY = "projects/my-project-123456/secrets/mail/versions/1" }
  }

  expect_failures = [var.secrets]
}

run "rejects_a_secret_of_another_project" {
  command = plan

  variables {
    secrets = { KEY = "projects/another-project/secrets/mail" }
  }

  expect_failures = [var.secrets]
}

run "rejects_a_name_of_cloud_run" {
  command = plan

  variables {
    secrets = { K_SERVICE = "generated" }
  }

  expect_failures = [var.secrets]
}

run "database" {
  command = plan

  variables {
    database_name              = "taskdb"
    network_database_zone_name = "dev-main-databases"
    network_vpc_id             = "projects/my-project-123456/global/networks/dev-main"
  }

  assert {
    condition = (
      google_sql_database_instance.this[0].database_version == "POSTGRES_15"
      && google_sql_database_instance.this[0].region == "us-central1"
      && google_sql_database_instance.this[0].deletion_protection
      && google_sql_database_instance.this[0].settings[0].deletion_protection_enabled
      && google_sql_database_instance.this[0].settings[0].edition == "ENTERPRISE"
      && google_sql_database_instance.this[0].settings[0].tier == "db-f1-micro"
      && google_sql_database_instance.this[0].settings[0].availability_type == "REGIONAL"
      && google_sql_database_instance.this[0].settings[0].disk_size == 20
      && google_sql_database_instance.this[0].settings[0].disk_autoresize
      && google_sql_database_instance.this[0].settings[0].disk_autoresize_limit == 100
      && google_sql_database_instance.this[0].settings[0].user_labels == tomap(local.labels)
    )
    error_message = "The instance is what the inputs say, and protected."
  }

  assert {
    condition = (
      !google_sql_database_instance.this[0].settings[0].ip_configuration[0].ipv4_enabled
      && google_sql_database_instance.this[0].settings[0].ip_configuration[0].private_network == "projects/my-project-123456/global/networks/dev-main"
      && google_sql_database_instance.this[0].settings[0].ip_configuration[0].ssl_mode == "ENCRYPTED_ONLY"
      && google_sql_database_instance.this[0].settings[0].ip_configuration[0].server_ca_mode == "GOOGLE_MANAGED_CAS_CA"
    )
    error_message = "It has a private address alone, takes encrypted connections alone, and a certificate of its name."
  }

  assert {
    condition = (
      google_sql_database_instance.this[0].settings[0].backup_configuration[0].enabled
      && google_sql_database_instance.this[0].settings[0].backup_configuration[0].point_in_time_recovery_enabled
      && google_sql_database_instance.this[0].settings[0].backup_configuration[0].transaction_log_retention_days == 7
      && google_sql_database_instance.this[0].settings[0].backup_configuration[0].backup_retention_settings[0].retained_backups == 7
      && google_sql_database_instance.this[0].settings[0].final_backup_config[0].enabled
    )
    error_message = "It has backups, can be brought back to any moment, and leaves a last one."
  }

  assert {
    condition = (
      google_sql_database.this[0].name == "taskdb"
      && google_sql_user.master[0].name == "postgres"
      && google_sql_user.master[0].password_wo == null
      && google_dns_record_set.database[0].managed_zone == "dev-main-databases"
      && google_dns_record_set.database[0].type == "A"
    )
    error_message = "It has the database, a master whose password is in no state, and its name in the network."
  }

  assert {
    condition = { for key, secret in google_secret_manager_secret.database : key => secret.secret_id } == {
      app      = "dev-hello-gcp_database_app"
      master   = "dev-hello-gcp_database_master"
      migrator = "dev-hello-gcp_database_migrator"
      readonly = "dev-hello-gcp_database_readonly"
    }
    error_message = "Each user has a secret of its own."
  }

  assert {
    condition = (
      length(google_project_service.secret_manager) == 1
      && google_project_service.sql_admin[0].service == "sqladmin.googleapis.com"
      && !google_project_service.sql_admin[0].disable_on_destroy
      && length(google_secret_manager_secret.database_url) == 0
      && length(google_secret_manager_secret.database_ca) == 0
      && output.secret_files == {}
      && output.database_port == 5432
    )
    error_message = "The APIs are turned on, and an app has no URL unasked."
  }

  assert {
    condition = (
      { for key, account in google_service_account.job : key => account.account_id } == {
        database_access = "dev-hello-gcp--d"
        migration       = "dev-hello-gcp--m"
      }
      && keys(google_project_service.job) == ["iam.googleapis.com", "run.googleapis.com"]
      && alltrue([for api in google_project_service.job : !api.disable_on_destroy])
    )
    error_message = "Each job has an account of its own, before there is a service."
  }

  assert {
    condition = keys(google_secret_manager_secret_iam_member.job) == [
      "database_access dev-hello-gcp_database_app",
      "database_access dev-hello-gcp_database_master",
      "database_access dev-hello-gcp_database_migrator",
      "database_access dev-hello-gcp_database_readonly",
      "migration dev-hello-gcp_database_migrator",
      ] && alltrue([
        for grant in google_secret_manager_secret_iam_member.job : grant.role == "roles/secretmanager.secretAccessor"
    ])
    error_message = "One reads the secrets of all users, the other one that of the migrator alone."
  }
}

run "database_is_named_by_its_secret" {
  command = plan

  variables {
    database_name              = "taskdb"
    network_database_zone_name = "dev-main-databases"
    network_vpc_id             = "projects/my-project-123456/global/networks/dev-main"
  }

  override_resource {
    target          = google_secret_manager_secret.database
    override_during = plan
    values          = { create_time = "2026-03-01T09:12:44.123456Z" }
  }

  assert {
    condition     = google_sql_database_instance.this[0].name == "dev-hello-gcp-${substr(sha256("2026-03-01T09:12:44.123456Z"), 0, 8)}"
    error_message = "Whoever knows when the master's secret was made finds the instance by its name."
  }
}

run "another_database" {
  command = plan

  variables {
    allocated_storage_gb         = 10
    backup_retention_days        = 3
    credentials_version          = 2
    database_name                = "taskdb"
    database_url_enabled         = true
    deletion_protection          = false
    engine_version               = "17"
    final_snapshot_enabled       = false
    master_username              = "boss"
    max_allocated_storage_gb     = null
    multi_az                     = false
    network_database_zone_name   = "dev-main-databases"
    network_vpc_id               = "projects/my-project-123456/global/networks/dev-main"
    performance_insights_enabled = true
    region                       = "europe-west12"
    secrets                      = { MAIL = "projects/my-project-123456/secrets/mail", MORE_MAIL = "projects/my-project-123456/secrets/mail", SECRET_KEY = "generated" }
    tier                         = "db-custom-2-7680"
  }

  assert {
    condition = (
      google_sql_database_instance.this[0].database_version == "POSTGRES_17"
      && google_sql_database_instance.this[0].region == "europe-west12"
      && !google_sql_database_instance.this[0].deletion_protection
      && !google_sql_database_instance.this[0].settings[0].deletion_protection_enabled
      && google_sql_database_instance.this[0].settings[0].tier == "db-custom-2-7680"
      && google_sql_database_instance.this[0].settings[0].availability_type == "ZONAL"
      && google_sql_database_instance.this[0].settings[0].disk_size == 10
      && !google_sql_database_instance.this[0].settings[0].disk_autoresize
      && google_sql_database_instance.this[0].settings[0].backup_configuration[0].transaction_log_retention_days == 3
      && google_sql_database_instance.this[0].settings[0].backup_configuration[0].backup_retention_settings[0].retained_backups == 3
      && !google_sql_database_instance.this[0].settings[0].final_backup_config[0].enabled
      && google_sql_database_instance.this[0].settings[0].insights_config[0].query_insights_enabled
      && google_sql_user.master[0].name == "boss"
      && alltrue([for version in google_secret_manager_secret_version.database : tostring(version.secret_data_wo_version) == "2"])
    )
    error_message = "Each input is where it belongs."
  }

  assert {
    condition = { for key, secret in google_secret_manager_secret.database_url : key => secret.secret_id } == {
      app      = "dev-hello-gcp_database_app_url"
      migrator = "dev-hello-gcp_database_migrator_url"
    }
    error_message = "The application and its migrations have a URL each."
  }

  assert {
    condition     = google_secret_manager_secret.database_ca[0].secret_id == "dev-hello-gcp_database_ca"
    error_message = "Both have the authorities in a file."
  }

  assert {
    condition = sort([for key, grant in google_secret_manager_secret_iam_member.job : grant.secret_id if startswith(key, "migration ")]) == tolist([
      "dev-hello-gcp_database_ca",
      "dev-hello-gcp_database_migrator",
      "dev-hello-gcp_database_migrator_url",
      "dev-hello-gcp_environment_SECRET_KEY",
      "mail",
    ])
    error_message = "A migration reads what it has in its environment, and no secret of the application's user."
  }
}

run "rejects_a_database_without_a_network" {
  command = plan

  variables {
    database_name = "taskdb"
  }

  expect_failures = [google_sql_database_instance.this]
}

run "rejects_wrong_databases" {
  command = plan

  variables {
    allocated_storage_gb  = 9
    backup_retention_days = 366
    database_name         = "Taskdb"
    database_url_scheme   = "mysql"
    engine_version        = "15.8"
    master_username       = "cloudsqladmin"
    network_vpc_id        = "vpc-1"
    tier                  = "db.t3.micro"
  }

  expect_failures = [
    var.allocated_storage_gb,
    var.backup_retention_days,
    var.database_name,
    var.database_url_scheme,
    var.engine_version,
    var.master_username,
    var.network_vpc_id,
    var.tier,
  ]
}

run "rejects_a_name_that_leaves_no_room_for_accounts" {
  command = plan

  variables {
    database_name              = "taskdb"
    name                       = "staging-a-name-of-28-letters"
    network_database_zone_name = "dev-main-databases"
    network_vpc_id             = "projects/my-project-123456/global/networks/dev-main"
  }

  expect_failures = [var.name]
}

run "rejects_storage_that_shrinks" {
  command = plan

  variables {
    max_allocated_storage_gb = 20
  }

  expect_failures = [var.max_allocated_storage_gb]
}

run "rejects_a_url_without_a_database" {
  command = plan

  variables {
    database_url_enabled = true
  }

  expect_failures = [var.database_url_enabled]
}
