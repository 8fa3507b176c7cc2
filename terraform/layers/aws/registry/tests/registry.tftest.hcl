mock_provider "aws" {}

variables {
  account_id = "111122223333"
  name       = "dev-tasks"
  tags       = { Environment = "development", Project = "task-management-api" }
}

run "defaults" {
  command = plan

  assert {
    condition = (
      aws_ecr_repository.this.name == "dev-tasks"
      && aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE"
      && aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
      && aws_ecr_repository.this.encryption_configuration[0].encryption_type == "AES256"
      && !aws_ecr_repository.this.force_delete
    )
    error_message = "Tags are immutable, images are scanned and encrypted, and a repository with images is not deleted."
  }

  assert {
    condition     = jsondecode(aws_ecr_lifecycle_policy.this.policy).rules[1].selection.countNumber == 62
    error_message = "The 30 newest images of the application are kept, and the newest one that sets users and grants, each with its list of packages."
  }
}

run "everything_changed" {
  command = plan

  variables {
    force_delete         = true
    retained_image_count = 2
  }

  assert {
    condition     = aws_ecr_repository.this.force_delete && jsondecode(aws_ecr_lifecycle_policy.this.policy).rules[1].selection.countNumber == 6
    error_message = "Each setting reaches the repository."
  }
}

run "rejects_wrong_values" {
  command = plan

  variables {
    name                 = "dev--tasks"
    region               = "us-east"
    retained_image_count = 1
    tags                 = { Environment = "", Project = "task-management-api" }
  }

  expect_failures = [var.name, var.region, var.retained_image_count, var.tags]
}
