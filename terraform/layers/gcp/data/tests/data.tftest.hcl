mock_provider "google" {
  mock_resource "google_secret_manager_secret" {
    defaults = { id = "projects/my-project-123456/secrets/dev-hello-gcp_environment_SECRET_KEY" }
  }

  mock_resource "google_secret_manager_secret_version" {
    defaults = { version = "1" }
  }
}

variables {
  name    = "dev-hello-gcp"
  project = "my-project-123456"
  tags    = { Environment = "development", Project = "hello-gcp" }
}

run "without_secrets" {
  command = apply

  assert {
    condition = (
      length(google_project_service.secret_manager) == 0
      && length(google_secret_manager_secret.generated) == 0
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
  command = apply

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
