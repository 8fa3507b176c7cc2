locals {
  load_balancer_count = var.load_balancer_zone_name == null || var.load_balancer_https_listener_arn != null ? 0 : 1
}

# One for all apps of the network that want it: each costs by the hour, and two public addresses.
module "load_balancer" {
  source = "../../../modules/load_balancer"
  count  = local.load_balancer_count

  access_log_bucket_name = var.access_logs_enabled ? aws_s3_bucket_policy.access_logs[0].bucket : null
  certificate_arn        = var.load_balancer_certificate_arn
  deletion_protection    = var.load_balancer_deletion_protection
  domain_name            = "*.${var.load_balancer_zone_name}"
  idle_timeout_seconds   = var.load_balancer_idle_timeout_seconds
  name                   = var.name
  public_subnet_ids      = local.public_subnet_ids
  ssl_policy             = var.load_balancer_ssl_policy
  vpc_id                 = local.vpc_id
  zone_create            = var.load_balancer_zone_create
  zone_name              = var.load_balancer_zone_name

  # AWS: a load balancer that faces the internet needs a VPC with an internet gateway.
  depends_on = [aws_internet_gateway.this]
}

# AWS counts them by load balancer, and not by app.
resource "aws_cloudwatch_metric_alarm" "load_balancer_5xx" {
  count = length(module.load_balancer)

  alarm_name          = "${var.name}-load-balancer-5xx"
  alarm_description   = "The load balancer of ${var.name} itself answered more than 10 requests with 5xx in 5 minutes: an app's targets are missing, unhealthy or too slow."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_ELB_5XX_Count"
  statistic           = "Sum"
  dimensions          = { LoadBalancer = module.load_balancer[0].arn_suffix }
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10
  period              = 300
  evaluation_periods  = 1
  # The metric exists only while there are such answers.
  treat_missing_data = "notBreaching"
  alarm_actions      = var.alarm_action_arns
  ok_actions         = var.alarm_action_arns
}
