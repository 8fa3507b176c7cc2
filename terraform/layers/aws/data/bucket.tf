# A bucket that somebody else keeps is read, and nothing more.
data "aws_s3_bucket" "existing" {
  count = var.bucket_name == null ? 0 : 1

  bucket = var.bucket_name
}

resource "aws_s3_bucket" "this" {
  count = var.bucket_enabled ? 1 : 0

  # Names of buckets are shared by all of AWS; the account's id makes this one ours.
  bucket        = "${var.name}-${var.account_id}"
  force_destroy = var.bucket_force_destroy
}

resource "aws_s3_bucket_versioning" "this" {
  count = var.bucket_enabled ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  count = var.bucket_enabled ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "this" {
  count = var.bucket_enabled ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  count = var.bucket_enabled ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "this" {
  count = var.bucket_enabled ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "DenyWithoutTls"
      Effect    = "Deny"
      Action    = "s3:*"
      Principal = "*"
      Resource  = [aws_s3_bucket.this[0].arn, "${aws_s3_bucket.this[0].arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  # S3 refuses two changes of a bucket's access at once.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  count = var.bucket_enabled ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  rule {
    id     = "delete-archived"
    status = "Enabled"

    filter {
      prefix = "archived/"
    }

    expiration {
      days = var.archive_expiration_days
    }

    # In a bucket with versions, expiration only hides an object; this deletes it.
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  rule {
    id     = "delete-leftovers"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    expiration {
      expired_object_delete_marker = true
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_version_expiration_days
    }
  }

  # Rules on versions need the versions.
  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_logging" "this" {
  count = var.bucket_enabled && var.network_access_log_bucket_name != null ? 1 : 0

  bucket        = aws_s3_bucket.this[0].id
  target_bucket = var.network_access_log_bucket_name
  target_prefix = "s3/${aws_s3_bucket.this[0].id}/"
}
