resource "aws_budgets_budget" "this" {
  count = length(var.budget_email_addresses) > 0 ? 1 : 0

  name         = local.environment
  budget_type  = "COST"
  limit_amount = format("%.1f", var.budget_monthly_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  # The account's whole bill: costs by tag are known only where the tag was made a cost allocation tag, by hand, in the account
  # that pays.
  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      comparison_operator        = "GREATER_THAN"
      notification_type          = notification.key
      subscriber_email_addresses = var.budget_email_addresses
      threshold                  = notification.value
      threshold_type             = "PERCENTAGE"
    }
  }
}
