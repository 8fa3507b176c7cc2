mock_provider "google" {
  mock_resource "google_artifact_registry_repository" {
    defaults = { id = "projects/my-project-123456/locations/us-central1/repositories/dev-hello-gcp" }
  }
}

variables {
  name    = "dev-hello-gcp"
  project = "my-project-123456"
  tags    = { Environment = "development", Project = "hello-gcp" }
}

run "defaults" {
  command = apply

  assert {
    condition = (
      google_artifact_registry_repository.this.repository_id == "dev-hello-gcp"
      && google_artifact_registry_repository.this.location == "us-central1"
      && google_artifact_registry_repository.this.format == "DOCKER"
      && length(google_artifact_registry_repository.this.docker_config) == 0
    )
    error_message = "It is a repository of images in the region, whose tags do not keep old images."
  }

  assert {
    condition = toset([
      for policy in google_artifact_registry_repository.this.cleanup_policies :
      join(" ", concat([policy.action], policy.condition[*].tag_state, policy.most_recent_versions[*].keep_count))
    ]) == toset(["DELETE ANY", "KEEP 60"])
    error_message = "Of all images, the 30 newest are kept, each with its list of packages."
  }

  assert {
    condition = (
      google_project_service.artifact_registry.service == "artifactregistry.googleapis.com"
      && google_project_service.artifact_registry.disable_on_destroy == false
    )
    error_message = "The API is turned on, and stays on for the project's other repositories."
  }

  assert {
    condition     = local.labels == { environment = "development", project = "hello-gcp", managedby = "terraform" }
    error_message = "Tags become labels."
  }

  assert {
    condition     = output.repository_url == "us-central1-docker.pkg.dev/my-project-123456/dev-hello-gcp/dev-hello-gcp"
    error_message = "The output says where images go."
  }
}

run "everything_changed" {
  command = plan

  variables {
    host                 = "127.0.0.1:4567"
    region               = "northamerica-northeast1"
    retained_image_count = 2
    tags = {
      "Cost Center" = "R&D"
      Environment   = "Development"
      ManagedBy     = "somebody"
      Project       = "Hello, GCP"
    }
  }

  assert {
    condition = (
      google_artifact_registry_repository.this.location == "northamerica-northeast1"
      && contains(flatten(google_artifact_registry_repository.this.cleanup_policies[*].most_recent_versions[*].keep_count), 4)
    )
    error_message = "Each setting reaches the repository."
  }

  assert {
    condition     = output.repository_url == "127.0.0.1:4567/my-project-123456/dev-hello-gcp/dev-hello-gcp"
    error_message = "Images go to the host that was given."
  }

  assert {
    condition     = local.labels == { cost-center = "r-d", environment = "development", managedby = "terraform", project = "hello--gcp" }
    error_message = "What a label cannot hold becomes a hyphen, and the layer's own label wins."
  }
}

run "rejects_wrong_values" {
  command = plan

  variables {
    host                 = "https://example.org"
    name                 = "dev--hello"
    project              = "1234567890"
    region               = "us-central1-a"
    retained_image_count = 1
    tags                 = { Environment = "", Project = "hello-gcp" }
  }

  expect_failures = [var.host, var.name, var.project, var.region, var.retained_image_count, var.tags]
}

run "rejects_more_wrong_values" {
  command = plan

  variables {
    host                 = ""
    name                 = "d"
    project              = "short"
    region               = "us"
    retained_image_count = 2.5
    tags                 = { Environment = "development", Project = "hello-gcp", "1st" = "x" }
  }

  expect_failures = [var.host, var.name, var.project, var.region, var.retained_image_count, var.tags]
}

run "rejects_a_long_label" {
  command = plan

  variables {
    tags = { Environment = "development", Project = "a123456789b123456789c123456789d123456789e123456789f123456789g123" }
  }

  expect_failures = [var.tags]
}

run "rejects_tags_that_become_one_label" {
  command = plan

  variables {
    tags = { Environment = "development", Project = "hello-gcp", "Cost Center" = "1", "cost-center" = "2" }
  }

  expect_failures = [var.tags]
}
