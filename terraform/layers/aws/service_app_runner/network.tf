# The way of an application with the layer data into the VPC. All that its instances connect to goes through it, to the
# internet and the APIs of AWS as well, for which the private subnets lead to a NAT gateway. Who requests the application
# does not come through it: that is App Runner's load balancer.
locals {
  in_vpc = var.data_app_security_group_id != null

  # A connector cannot be changed, and one that a service uses cannot be deleted. So other subnets make another connector,
  # which the service takes before the old one goes; AWS refuses a second one of the same name, or of the same groups.
  connector_name = "${var.name}-${substr(sha256(join(",", sort(var.network_private_subnet_ids))), 0, 8)}"
}

# Its only purpose is to tell this connector from the next one. Where instances may go stands in the application's group of
# the layer data, which the connector has as well and which may reach the database.
resource "aws_security_group" "connector" {
  count = local.in_vpc ? 1 : 0

  name        = local.connector_name
  description = "App Runner's VPC connector of ${var.name}"
  vpc_id      = var.network_vpc_id

  tags = { Name = local.connector_name }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_apprunner_vpc_connector" "this" {
  count = local.in_vpc ? 1 : 0

  vpc_connector_name = local.connector_name
  security_groups    = [aws_security_group.connector[0].id, var.data_app_security_group_id]
  subnets            = var.network_private_subnet_ids

  lifecycle {
    create_before_destroy = true
  }
}
