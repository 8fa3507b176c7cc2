resource "aws_ecr_repository" "this" {
  name                 = var.name
  force_delete         = var.force_delete
  image_tag_mutability = "IMMUTABLE"

  encryption_configuration {
    encryption_type = "AES256"
  }

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name

  # Each image has its list of packages beside it, which is counted as one more. Of the images that set users and grants
  # (roles/database_access), the newest is all that is needed; the second rule counts it, too, though the first alone
  # decides on it.
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "Keep the newest image that sets users and grants"
        selection = {
          tagStatus     = "tagged"
          tagPrefixList = ["database-access-"]
          countType     = "imageCountMoreThan"
          countNumber   = 2
        }
        action = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "Keep the ${var.retained_image_count} newest images of the application, to roll back to"
        selection = {
          tagStatus   = "any"
          countType   = "imageCountMoreThan"
          countNumber = 2 * (var.retained_image_count + 1)
        }
        action = { type = "expire" }
      },
    ]
  })
}
