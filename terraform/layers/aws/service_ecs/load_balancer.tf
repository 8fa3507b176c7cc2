module "load_balancer" {
  source = "../../../modules/load_balancer"

  access_log_bucket_name = var.network_access_log_bucket_name
  app_security_group_id  = var.data_app_security_group_id
  container_port         = var.container_port
  deletion_protection    = var.load_balancer_deletion_protection
  domain_name            = var.domain_name
  health_check_path      = var.health_check_path
  name                   = var.name
  public_subnet_ids      = var.network_public_subnet_ids
  ssl_policy             = var.ssl_policy
  target_type            = "ip"
  vpc_id                 = var.network_vpc_id
  zone_create            = var.zone_create
  zone_name              = var.zone_name
}
