module "process" {
  source   = "../../../modules/ec2_process"
  for_each = var.processes

  alarm_action_arns       = var.alarm_action_arns
  cpu_target_percent      = var.cpu_target_percent
  launch_template_id      = aws_launch_template.this[each.key].id
  launch_template_version = aws_launch_template.this[each.key].latest_version
  lifecycle_hook_name     = local.lifecycle_hook_name
  max_count               = coalesce(each.value.max_count, each.value.min_count)
  min_count               = each.value.min_count
  name                    = local.commands[each.key].name
  subnet_ids              = var.assign_public_ip ? var.network_public_subnet_ids : var.network_private_subnet_ids
  tags                    = local.tags
}
