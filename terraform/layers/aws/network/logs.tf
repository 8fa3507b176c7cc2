data "aws_partition" "current" {}

locals {
  access_log_bucket_arn  = "arn:${data.aws_partition.current.partition}:s3:::${local.access_log_bucket_name}"
  access_log_bucket_name = "${var.name}-access-logs-${var.account_id}"
  flow_logs_enabled      = var.flow_log_traffic_type != null
}

# One for all load balancers of the network, and for the buckets of its applications.
resource "aws_s3_bucket" "access_logs" {
  #checkov:skip=CKV_AWS_18:its own access logs would log their own delivery
  #checkov:skip=CKV_AWS_21:each log is written once, and nobody changes it
  count = var.access_logs_enabled ? 1 : 0

  bucket        = local.access_log_bucket_name
  force_destroy = var.access_log_bucket_force_destroy
}

resource "aws_s3_bucket_server_side_encryption_configuration" "access_logs" {
  count = var.access_logs_enabled ? 1 : 0

  bucket = aws_s3_bucket.access_logs[0].id

  # The one encryption that load balancers write their access logs with.
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "access_logs" {
  count = var.access_logs_enabled ? 1 : 0

  bucket = aws_s3_bucket.access_logs[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "access_logs" {
  count = var.access_logs_enabled ? 1 : 0

  bucket = aws_s3_bucket.access_logs[0].id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "access_logs" {
  count = var.access_logs_enabled ? 1 : 0

  bucket = aws_s3_bucket.access_logs[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "DenyWithoutTls"
        Effect    = "Deny"
        Action    = "s3:*"
        Principal = "*"
        Resource  = [local.access_log_bucket_arn, "${local.access_log_bucket_arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        # "Enable access logs for your Application Load Balancer" has no condition: the path holds this account's alone.
        Sid       = "LoadBalancers"
        Effect    = "Allow"
        Action    = ["s3:PutObject"]
        Principal = { Service = "logdelivery.elasticloadbalancing.amazonaws.com" }
        Resource  = ["${local.access_log_bucket_arn}/AWSLogs/${var.account_id}/*"]
      },
      {
        # "Enabling Amazon S3 server access logging".
        Sid       = "Buckets"
        Effect    = "Allow"
        Action    = ["s3:PutObject"]
        Principal = { Service = "logging.s3.amazonaws.com" }
        Resource  = ["${local.access_log_bucket_arn}/s3/*"]
        Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
      },
    ]
  })

  # S3 refuses two changes of a bucket's access at once.
  depends_on = [aws_s3_bucket_public_access_block.access_logs]
}

resource "aws_s3_bucket_lifecycle_configuration" "access_logs" {
  count = var.access_logs_enabled ? 1 : 0

  bucket = aws_s3_bucket.access_logs[0].id

  rule {
    id     = "delete-old-logs"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    expiration {
      days = var.access_log_expiration_days
    }
  }
}

# In CloudWatch Logs, although S3 is cheaper: whoever makes a flow log into a bucket has AWS add to the bucket's policy
# ("Amazon S3 bucket permissions for flow logs"), which every plan would then take away.
resource "aws_cloudwatch_log_group" "flow_logs" {
  count = local.flow_logs_enabled ? 1 : 0

  name              = "${var.name}/flow-logs"
  retention_in_days = var.flow_log_retention_days
}

resource "aws_iam_role" "flow_logs" {
  count = local.flow_logs_enabled ? 1 : 0

  name        = "${var.name}-flow-logs"
  description = "Lets the VPC ${var.name} write its flow logs."

  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
      # Keeps the service from being used by another account to take the role (the confused deputy).
      Condition = {
        ArnLike      = { "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:ec2:${var.region}:${var.account_id}:vpc-flow-log/*" }
        StringEquals = { "aws:SourceAccount" = var.account_id }
      }
    }]
  })
}

resource "aws_iam_role_policy" "flow_logs" {
  count = local.flow_logs_enabled ? 1 : 0

  name = "write-flow-logs"
  role = aws_iam_role.flow_logs[0].id

  # "IAM role for publishing flow logs to CloudWatch Logs", without the permission to make groups.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.flow_logs[0].arn}:*"]
      },
      {
        # The service lists all groups to find this one.
        Sid      = "FindLog"
        Effect   = "Allow"
        Action   = ["logs:DescribeLogGroups"]
        Resource = ["*"]
      },
    ]
  })
}

resource "aws_flow_log" "this" {
  count = local.flow_logs_enabled ? 1 : 0

  vpc_id          = aws_vpc.this[0].id
  traffic_type    = var.flow_log_traffic_type
  iam_role_arn    = aws_iam_role.flow_logs[0].arn
  log_destination = aws_cloudwatch_log_group.flow_logs[0].arn

  tags = { Name = var.name }

  depends_on = [aws_iam_role_policy.flow_logs]
}
