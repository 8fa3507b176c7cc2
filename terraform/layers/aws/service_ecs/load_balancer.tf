locals {
  # What the app needs of the network's load balancer, or of its own, by the keys of the network's output.
  load_balancer = var.shared_load_balancer ? var.network_load_balancer : {
    arn_suffix          = module.load_balancer[0].arn_suffix
    dns_name            = module.load_balancer[0].dns_name
    security_group_id   = module.load_balancer[0].security_group_id
    zone_id             = module.load_balancer[0].zone_id
    zone_id_of_dns_name = module.load_balancer[0].zone_id_of_dns_name
  }
}

module "load_balancer" {
  source = "../../../modules/load_balancer"
  count  = var.shared_load_balancer ? 0 : 1

  access_log_bucket_name = var.network_access_log_bucket_name
  certificate_arn        = var.certificate_arn
  deletion_protection    = var.load_balancer_deletion_protection
  domain_name            = var.domain_name
  idle_timeout_seconds   = var.load_balancer_idle_timeout_seconds
  name                   = var.name
  public_subnet_ids      = var.network_public_subnet_ids
  ssl_policy             = var.ssl_policy
  target_group_arn       = module.target.arn
  vpc_id                 = var.network_vpc_id
  zone_create            = var.zone_create
  zone_name              = var.zone_name
}

module "target" {
  source = "../../../modules/load_balancer_target"

  app_security_group_id           = var.data_app_security_group_id
  container_port                  = var.container_port
  domain_name                     = var.domain_name
  health_check_codes              = var.health_check_codes
  health_check_path               = var.health_check_path
  listener_arn                    = lookup(var.network_load_balancer, "https_listener_arn", null)
  load_balancer_dns_name          = local.load_balancer.dns_name
  load_balancer_security_group_id = local.load_balancer.security_group_id
  load_balancer_zone_id           = local.load_balancer.zone_id_of_dns_name
  name                            = var.name
  shared                          = var.shared_load_balancer
  target_type                     = "ip"
  vpc_id                          = var.network_vpc_id
  zone_id                         = local.load_balancer.zone_id
}
