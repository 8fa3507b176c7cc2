# aws, or aws-us-gov and aws-cn for the regions of the US government and of China.
data "aws_partition" "current" {}

locals {
  environment = trimsuffix(var.name, "-bootstrap")

  # What the deployer makes has names that begin with the environment's. What it must not change has a path instead: its own
  # roles and their policies.
  path = "/slipway/"

  # What the policies in this folder are about; they are written for any account, region and environment.
  policy_variables = {
    account_id   = var.account_id
    boundary_arn = "arn:${data.aws_partition.current.partition}:iam::${var.account_id}:policy${local.path}${local.environment}-boundary"
    environment  = local.environment
    partition    = data.aws_partition.current.partition
    region       = var.region
    state_bucket = var.state_bucket
  }

  # By role and subject: deploy-data.json.tftpl is a policy of the deployer's role.
  policies = {
    for file in fileset(path.module, "{deploy,plan}-*.json.tftpl") :
    trimsuffix(file, ".json.tftpl") => templatefile("${path.module}/${file}", local.policy_variables)
  }
}
