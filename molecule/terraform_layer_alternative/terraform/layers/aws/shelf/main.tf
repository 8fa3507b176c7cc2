# A layer of a test's own: a bucket, whose name has parts from everywhere an input can come from.

terraform {
  required_version = ">= 1.11.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  backend "s3" {}
}

provider "aws" {
  region = var.region

  default_tags {
    tags = var.tags
  }
}

resource "aws_s3_bucket" "this" {
  bucket        = "${var.name}-${var.network_shelf_number}-${var.suffix}"
  force_destroy = true
}
