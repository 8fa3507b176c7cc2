# No cloud is asked: what a layer makes is not what is tested.
resource "terraform_data" "this" {
  input = {
    depth = var.depth
    name  = var.name
    vpc   = var.network_vpc_id
  }
}
