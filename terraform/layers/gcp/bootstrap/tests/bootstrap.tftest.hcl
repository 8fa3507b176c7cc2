mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = {
      email  = "staging-x@my-project-123456.iam.gserviceaccount.com"
      member = "serviceAccount:staging-x@my-project-123456.iam.gserviceaccount.com"
      name   = "projects/my-project-123456/serviceAccounts/staging-x@my-project-123456.iam.gserviceaccount.com"
    }
  }

  mock_resource "google_project_iam_custom_role" {
    defaults = { name = "projects/my-project-123456/roles/staging_deployer" }
  }

  mock_resource "google_iam_workload_identity_pool" {
    defaults = { name = "projects/123456789012/locations/global/workloadIdentityPools/staging-github" }
  }

  mock_resource "google_iam_workload_identity_pool_provider" {
    defaults = { name = "projects/123456789012/locations/global/workloadIdentityPools/staging-github/providers/github" }
  }
}

variables {
  name         = "staging-bootstrap"
  project      = "my-project-123456"
  state_bucket = "slipway-staging-gcp-state"
}

run "defaults" {
  command = apply

  assert {
    condition = (
      toset(concat([google_project_service.resource_manager.service], values(google_project_service.this)[*].service)) == toset([
        for api in ["artifactregistry", "cloudresourcemanager", "cloudscheduler", "compute", "dns", "iam", "iamcredentials", "logging", "run", "secretmanager", "servicenetworking", "serviceusage", "sqladmin", "storage", "sts"] :
        "${api}.googleapis.com"
      ])
      && alltrue([for service in values(google_project_service.this) : service.disable_on_destroy == false])
      && google_project_service.resource_manager.disable_on_destroy == false
    )
    error_message = "The APIs of a deployment are enabled, and stay enabled for the project's other users."
  }

  assert {
    condition = (
      google_service_account.this["deployer"].account_id == "staging-deployer"
      && google_service_account.this["planner"].account_id == "staging-planner"
    )
    error_message = "There is an account that deploys, and one that plans."
  }

  assert {
    condition = toset(keys(google_project_iam_member.this)) == toset([
      "deployer roles/artifactregistry.writer", "deployer roles/iam.serviceAccountUser", "deployer roles/logging.viewer",
      "deployer roles/run.developer", "deployer roles/serviceusage.serviceUsageConsumer",
      "planner roles/artifactregistry.reader", "planner roles/cloudscheduler.viewer", "planner roles/cloudsql.viewer",
      "planner roles/compute.networkViewer", "planner roles/dns.reader", "planner roles/iam.serviceAccountViewer",
      "planner roles/run.viewer",
      "planner roles/secretmanager.viewer", "planner roles/serviceusage.serviceUsageConsumer",
    ])
    error_message = "Each account has the smallest roles; none administers who else has roles."
  }

  assert {
    condition = (
      google_project_iam_member.deployer.role == "projects/my-project-123456/roles/staging_deployer"
      && google_project_iam_custom_role.deployer.role_id == "staging_deployer"
      && !contains(google_project_iam_custom_role.deployer.permissions, "iam.serviceAccounts.setIamPolicy")
    )
    error_message = "The deployer has the custom role, which does not let it act as other accounts than the project lets it."
  }

  assert {
    condition = (
      google_project_iam_custom_role.networks.role_id == "staging_networks"
      && google_project_iam_custom_role.databases.role_id == "staging_databases"
      && !contains(google_project_iam_custom_role.networks.permissions, "cloudsql.instances.delete")
      && contains(google_project_iam_custom_role.databases.permissions, "cloudsql.instances.delete")
      && google_project_iam_custom_role.database_secrets.role_id == "staging_database_secrets"
      && toset(google_project_iam_custom_role.database_secrets.permissions) == toset(["secretmanager.versions.access"])
      && google_project_iam_member.database_secrets["deployer"].condition[0].expression == "resource.name.extract(\"/secrets/{name}_database_\").startsWith(\"staging-\")"
      && google_project_iam_member.databases.condition[0].expression == "resource.name.extract(\"/instances/{name}\").startsWith(\"staging-\")"
    )
    error_message = "The deployer changes and deletes databases of this environment alone, and reads their passwords."
  }

  assert {
    condition = alltrue([
      for key, member in google_project_iam_member.secrets :
      member.role == google_project_iam_custom_role.secrets[key].name
      && member.condition[0].expression == "resource.name.extract(\"/secrets/{name}\").startsWith(\"staging-\")"
      ]) && { for key, role in google_project_iam_custom_role.secrets : key => role.role_id } == {
      secret_access = "staging_secret_access"
      secrets       = "staging_secrets"
    }
    error_message = "The deployer manages secrets of this environment alone."
  }

  assert {
    condition = !contains(
      flatten([google_project_iam_custom_role.deployer.permissions, values(google_project_iam_custom_role.secrets)[*].permissions]),
      "secretmanager.versions.access",
    ) && length(google_secret_manager_secret_iam_member.named) == 0
    error_message = "Nobody who deploys reads a value that is not of a database, and secrets that are not named are nobody's business."
  }

  assert {
    condition = toset([for member in values(google_storage_bucket_iam_member.this) : "${member.bucket} ${member.role}"]) == toset([
      "slipway-staging-gcp-state roles/storage.legacyBucketReader",
      "slipway-staging-gcp-state roles/storage.objectUser",
      "slipway-staging-gcp-state roles/storage.objectViewer",
    ])
    error_message = "Storage is the state bucket alone."
  }

  assert {
    condition = (
      length(google_iam_workload_identity_pool.github) == 0
      && length(google_service_account_iam_member.github) == 0
      && length(google_service_account_iam_member.people) == 0
      && output.workload_identity_provider == null
    )
    error_message = "Nobody may act as the accounts who is not named."
  }

  assert {
    condition     = output.deployer_email == google_service_account.this["deployer"].email && output.planner_email == google_service_account.this["planner"].email
    error_message = "The outputs say who deploys and who plans."
  }
}

run "everything_given" {
  command = apply

  variables {
    github_repository = "My-Organization/my.repository"
    name              = "my-staging-bootstrap"
    secret_names      = ["projects/my-project-123456/secrets/stripe"]
    trusted_members   = ["user:me@example.org", "serviceAccount:robot@other-project.iam.gserviceaccount.com"]
  }

  assert {
    condition = [for grant in values(google_secret_manager_secret_iam_member.named) : "${grant.project} ${grant.secret_id} ${grant.role}"] == [
      "my-project-123456 stripe ${google_project_iam_custom_role.secrets["secret_access"].name}",
    ]
    error_message = "The deployer may let an application read the secrets that are named."
  }

  assert {
    condition = (
      google_service_account.this["deployer"].account_id == "my-staging-deployer"
      && google_iam_workload_identity_pool.github[0].workload_identity_pool_id == "my-staging-github"
      && google_iam_workload_identity_pool_provider.github[0].oidc[0].issuer_uri == "https://token.actions.githubusercontent.com"
      && google_iam_workload_identity_pool_provider.github[0].attribute_condition == "assertion.repository == 'My-Organization/my.repository'"
      && google_iam_workload_identity_pool_provider.github[0].attribute_mapping == tomap({ "google.subject" = "assertion.sub" })
    )
    error_message = "Tokens of GitHub are taken of this repository alone."
  }

  assert {
    condition = { for key, member in google_service_account_iam_member.github : key => "${member.role} ${member.member}" } == {
      for key, subject in {
        "deployer environment:my-staging" = "environment:my-staging"
        "planner pull_request"            = "pull_request"
        "planner ref:refs/heads/main"     = "ref:refs/heads/main"
      } : key => "roles/iam.workloadIdentityUser principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/staging-github/subject/repo:My-Organization/my.repository:${subject}"
    }
    error_message = "Jobs of the environment deploy; pull requests and the main branch are planned."
  }

  assert {
    condition = toset([for key, member in google_service_account_iam_member.people : "${key} ${member.member} ${member.role}"]) == toset([
      for grant in setproduct(["deployer", "planner"], ["user:me@example.org", "serviceAccount:robot@other-project.iam.gserviceaccount.com"]) :
      "${grant[0]} ${grant[1]} ${grant[1]} roles/iam.serviceAccountTokenCreator"
    ])
    error_message = "Who is trusted acts as either account."
  }

  assert {
    condition     = output.workload_identity_provider == "projects/123456789012/locations/global/workloadIdentityPools/staging-github/providers/github"
    error_message = "The output says where a workflow exchanges its token."
  }
}

run "rejects_wrong_values" {
  command = plan

  variables {
    github_repository = "https://github.com/my-organization/my-repository"
    name              = "staging"
    project           = "123456789012"
    trusted_members   = ["user:me@example.org", "allUsers"]
  }

  expect_failures = [var.github_repository, var.name, var.project, var.trusted_members]
}

run "rejects_more_wrong_values" {
  command = plan

  variables {
    github_repository = "my-repository' || true || '"
    name              = "a-name-that-is-long-bootstrap"
    project           = "My-Project"
    trusted_members   = ["me@example.org"]
  }

  expect_failures = [var.github_repository, var.name, var.project, var.trusted_members]
}

# A rule is not asked about a variable where another one that it names is wrong itself.
run "rejects_secrets_that_are_none" {
  command = plan

  variables {
    secret_names = ["stripe", "projects/my-project-123456/secrets/stripe/versions/1"]
  }

  expect_failures = [var.secret_names]
}
