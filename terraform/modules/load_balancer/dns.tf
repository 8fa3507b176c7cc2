resource "aws_route53_zone" "this" {
  #checkov:skip=CKV2_AWS_38:the parent zone decides, and may be nobody's here
  #checkov:skip=CKV2_AWS_39:requests are logged by the load balancer; query logs need a log group in us-east-1
  count = var.zone_create ? 1 : 0

  name    = var.zone_name
  comment = "Public names of ${var.name}"
}

data "aws_route53_zone" "existing" {
  count = var.zone_name != null && !var.zone_create ? 1 : 0

  name = var.zone_name
}

locals {
  zone_id = one(concat(aws_route53_zone.this[*].zone_id, data.aws_route53_zone.existing[*].zone_id))
}

resource "aws_acm_certificate" "this" {
  count = local.certificate_count

  domain_name       = var.domain_name
  validation_method = "DNS"

  tags = { Name = var.domain_name }

  lifecycle {
    # A listener is never without a certificate.
    create_before_destroy = true
  }
}

# One domain name, so exactly one record to prove it by.
resource "aws_route53_record" "certificate_validation" {
  count = local.certificate_count

  zone_id = local.zone_id
  name    = one(aws_acm_certificate.this[0].domain_validation_options).resource_record_name
  type    = one(aws_acm_certificate.this[0].domain_validation_options).resource_record_type
  records = [one(aws_acm_certificate.this[0].domain_validation_options).resource_record_value]
  ttl     = 60

  # AWS asks for the same record again for the same name in the same account.
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  count = local.certificate_count

  certificate_arn         = aws_acm_certificate.this[0].arn
  validation_record_fqdns = [aws_route53_record.certificate_validation[0].fqdn]
}
