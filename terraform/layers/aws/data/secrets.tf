locals {
  password_length = 40

  # The master creates the other three and their grants; the database_access role does so after this layer.
  database_users = merge(
    local.instance_made ? { master = var.master_username } : {},
    local.database_enabled ? { for purpose in ["app", "migrator", "readonly"] : purpose => "${var.database_name}_${purpose}" } : {},
  )

  # Those that also get their way into the database as one URL.
  users_with_url = local.database_enabled && var.database_url_enabled ? toset(["app", "migrator"]) : toset([])

  # All passwords are cut from one long random string, so that a plan costs one call however many there are.
  password_offsets = {
    for i, key in concat(
      sort(keys(local.database_users)),
      var.api_key_required ? ["api_key"] : [],
      [for name in sort(tolist(local.generated_secrets)) : "environment/${name}"],
    ) : key => i * local.password_length
  }

  # Names of variables in the application's environment whose values are made here.
  generated_secrets = toset([for name, source in var.secrets : name if source == "generated"])

  # All of them, as ECS takes them: the ARN of a secret, with what of it is meant after colons. The application and its
  # migrations have each the URL of its own user.
  named_secrets = merge(
    { for name, source in var.secrets : name => source if source != "generated" },
    { for name, secret in aws_secretsmanager_secret.generated : name => secret.arn },
  )
  environment_secrets = {
    for user in ["app", "migrator"] : user => merge(
      local.named_secrets,
      { for key, secret in aws_secretsmanager_secret.database_url : "DATABASE_URL" => secret.arn if key == user },
    )
  }
  environment_secret_arns = {
    for user, secrets in local.environment_secrets :
    user => distinct([for source in secrets : join(":", slice(split(":", source), 0, 7))])
  }

  master_secret_arn = local.instance_made ? aws_secretsmanager_secret.database["master"].arn : var.database_master_secret_arn

  # Another one for each password that the master is ever given, and so for each database.
  master_version = local.instance_made ? sha256(aws_secretsmanager_secret_version.database["master"].version_id) : null
}

# terraform test cannot mock an ephemeral resource and would have to call AWS for one. A length that is unknown until
# this exists keeps it closed while a new environment is planned, in a test as in a check run.
resource "terraform_data" "password_characters" {
  count = length(local.password_offsets) > 0 ? 1 : 0

  input = length(local.password_offsets) * local.password_length
}

ephemeral "aws_secretsmanager_random_password" "this" {
  count = length(local.password_offsets) > 0 ? 1 : 0

  password_length = terraform_data.password_characters[0].output
  # 40 letters and digits are 238 bits, and no tool on the way has to quote them.
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "database" {
  #checkov:skip=CKV2_AWS_57:rotated by a run, not by a function with the rights of the master (docs/topics/database-secrets.md)
  for_each = local.database_users

  name                    = "${var.name}/database/${each.key}"
  description             = "User name and password of the database user ${each.value}, as JSON"
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret_version" "database" {
  for_each = local.database_users

  secret_id = aws_secretsmanager_secret.database[each.key].id
  secret_string_wo = jsonencode({
    username = each.value
    password = substr(
      ephemeral.aws_secretsmanager_random_password.this[0].random_password,
      local.password_offsets[each.key],
      local.password_length,
    )
  })
  # In an instance of the app's own, another name is another instance, with secrets of its own.
  secret_string_wo_version = !local.instance_existing ? var.credentials_version : parseint(substr(sha256(jsonencode([
    var.credentials_version,
    var.database_name,
  ])), 0, 12), 16)
}

resource "aws_secretsmanager_secret" "api_key" {
  #checkov:skip=CKV2_AWS_57:rotated by a run; callers have to be given the new one
  count = var.api_key_required ? 1 : 0

  name                    = "${var.name}/api-key"
  description             = "Key that callers send as X-API-Key to write"
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret_version" "api_key" {
  count = var.api_key_required ? 1 : 0

  secret_id = aws_secretsmanager_secret.api_key[0].id
  secret_string_wo = substr(
    ephemeral.aws_secretsmanager_random_password.this[0].random_password,
    local.password_offsets["api_key"],
    local.password_length,
  )
  secret_string_wo_version = var.credentials_version
}

# Values of variables in the application's environment. They are kept for as long as the variable is in the inventory.
resource "aws_secretsmanager_secret" "generated" {
  #checkov:skip=CKV2_AWS_57:rotated by a run, which replaces the tasks or instances that have the old value; a function would not (docs/how-to/rotate-a-password.md)
  for_each = local.generated_secrets

  name                    = "${var.name}/environment/${each.key}"
  description             = "Value of ${each.key} in the environment of the application"
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret_version" "generated" {
  for_each = local.generated_secrets

  secret_id = aws_secretsmanager_secret.generated[each.key].id
  secret_string_wo = substr(
    ephemeral.aws_secretsmanager_random_password.this[0].random_password,
    local.password_offsets["environment/${each.key}"],
    local.password_length,
  )
  secret_string_wo_version = var.credentials_version
}

# The database and the URLs get the password that was written, not the one that was generated: an apply that is interrupted
# between the two leaves a secret that the next apply gives to the database, and an app may want its URL later.
ephemeral "aws_secretsmanager_secret_version" "database" {
  for_each = setunion(local.instance_made ? ["master"] : [], local.users_with_url)

  secret_id  = aws_secretsmanager_secret_version.database[each.key].secret_id
  version_id = aws_secretsmanager_secret_version.database[each.key].version_id
}

resource "aws_secretsmanager_secret" "database_url" {
  #checkov:skip=CKV2_AWS_57:written again by the run that rotates the password in it, which replaces the tasks or instances that have the old one
  for_each = local.users_with_url

  name                    = "${var.name}/database/${each.key}-url"
  description             = "URL that the database user ${local.database_users[each.key]} connects by"
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret_version" "database_url" {
  for_each = local.users_with_url

  secret_id = aws_secretsmanager_secret.database_url[each.key].id
  secret_string_wo = format(
    "%s://%s:%s@%s:%d/%s?sslmode=verify-full",
    var.database_url_scheme,
    local.database_users[each.key],
    urlencode(jsondecode(ephemeral.aws_secretsmanager_secret_version.database[each.key].secret_string)["password"]),
    local.instance.address,
    local.instance.port,
    var.database_name,
  )
  # A number made of what the URL is made of, so that it is written again whenever one of them is another.
  secret_string_wo_version = parseint(substr(sha256(jsonencode(concat([
    aws_secretsmanager_secret_version.database[each.key].version_id,
    local.instance.address,
    local.instance.port,
    var.database_url_scheme,
  ], local.instance_existing ? [var.database_name] : []))), 0, 12), 16)
}
