locals {
  oidc_host     = "token.actions.githubusercontent.com"
  oidc_provider = "arn:${data.aws_partition.current.partition}:iam::${var.account_id}:oidc-provider/${local.oidc_host}"

  # Whom GitHub says a job is for: "Example subject claims" in GitHub's OpenID Connect reference. A job is in an environment
  # when the workflow says so, and GitHub lets it in by that environment's own rules. Pull requests are planned, and main is,
  # every night.
  subjects = {
    deploy = ["repo:${var.github_repository == null ? "" : var.github_repository}:environment:${local.environment}"]
    plan = [
      for subject in ["pull_request", "ref:refs/heads/main"] :
      "repo:${var.github_repository == null ? "" : var.github_repository}:${subject}"
    ]
  }

  people = length(var.trusted_principal_arns) > 0 ? sort(var.trusted_principal_arns) : [
    "arn:${data.aws_partition.current.partition}:iam::${var.account_id}:root"
  ]

  roles = {
    # A deployment may take longer than an hour, for which credentials are good otherwise: a database, an instance refresh.
    # .github/actions/sign-in asks for as much.
    deploy = {
      name            = "${local.environment}-deployer"
      description     = "Deploys and destroys the environment ${local.environment}."
      session_seconds = 7200
    }
    plan = {
      name            = "${local.environment}-planner"
      description     = "Says what a deployment of ${local.environment} would change."
      session_seconds = 3600
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.roles

  name        = each.value.name
  path        = local.path
  description = each.value.description

  max_session_duration = each.value.session_seconds

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "People"
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { AWS = local.people }
      }],
      [for repository in var.github_repository == null ? [] : [var.github_repository] : {
        Sid       = "GitHub"
        Effect    = "Allow"
        Action    = "sts:AssumeRoleWithWebIdentity"
        Principal = { Federated = local.oidc_provider }
        Condition = {
          StringEquals = {
            "${local.oidc_host}:aud" = "sts.amazonaws.com"
            "${local.oidc_host}:sub" = local.subjects[each.key]
          }
        }
      }],
    )
  })
}

resource "aws_iam_policy" "this" {
  for_each = local.policies

  name        = "${local.environment}-${each.key}"
  path        = local.path
  description = "What the role ${local.roles[split("-", each.key)[0]].name} may do."
  policy      = jsonencode(jsondecode(each.value))
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = local.policies

  role       = aws_iam_role.this[split("-", each.key)[0]].name
  policy_arn = aws_iam_policy.this[each.key].arn
}

# Whether a secret is there, and which version of it is current; not its value.
resource "aws_iam_role_policy" "secrets" {
  for_each = length(var.secret_arns) > 0 ? aws_iam_role.this : {}

  name = "secrets"
  role = each.value.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["secretsmanager:DescribeSecret"]
      Resource = sort(var.secret_arns)
    }]
  })
}

# Whether a bucket is there; not what is in it, but for the names of its objects: S3 has no narrower permission.
resource "aws_iam_role_policy" "buckets" {
  for_each = length(var.bucket_names) > 0 ? aws_iam_role.this : {}

  name = "buckets"
  role = each.value.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = local.bucket_arns
    }]
  })
}

# Rules of listeners whose load balancers do not have the environment's name.
resource "aws_iam_role_policy" "listeners" {
  count = length(var.listener_arns) > 0 ? 1 : 0

  name = "listeners"
  role = aws_iam_role.this["deploy"].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["elasticloadbalancing:CreateRule"]
        Resource = sort(var.listener_arns)
      },
      {
        Effect   = "Allow"
        Action   = ["elasticloadbalancing:AddTags", "elasticloadbalancing:DeleteRule", "elasticloadbalancing:ModifyRule"]
        Resource = [for arn in sort(var.listener_arns) : "${replace(arn, ":listener/", ":listener-rule/")}/*"]
      },
    ]
  })
}
