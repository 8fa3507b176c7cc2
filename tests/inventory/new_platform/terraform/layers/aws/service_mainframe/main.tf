# No cloud is asked: what a layer makes is not what is tested.
resource "terraform_data" "this" {
  input = {
    environment    = var.environment_variables
    image          = var.image
    name           = var.name
    partitions     = var.partitions
    secrets        = var.readable_secret_arns
    security_group = var.data_app_security_group_id
    subnets        = var.network_private_subnet_ids
  }
}
