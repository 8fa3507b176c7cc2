"""AWS Budgets: what Terraform makes, reads, changes and deletes, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator.tests.stack import Client

ACCOUNT = "000000000000"
NAME = "temu-budget"
BUDGET: dict[str, Any] = {
    "BudgetName": NAME,
    "BudgetType": "COST",
    "BudgetLimit": {"Amount": "110.0", "Unit": "USD"},
    "TimeUnit": "MONTHLY",
}
NOTIFICATION = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
SUBSCRIBER = {"SubscriptionType": "EMAIL", "Address": "operations@example.org"}
OWN: dict[str, Any] = {"AccountId": ACCOUNT, "BudgetName": NAME}


def _code(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return str(error.value.response["Error"]["Code"])


def test_a_budget_from_its_creation_to_its_end(aws: Client) -> None:
    budgets = aws("budgets")
    tags = [{"Key": "Project", "Value": "slipway"}]
    notified = [{"Notification": NOTIFICATION, "Subscribers": [SUBSCRIBER]}]
    budgets.create_budget(AccountId=ACCOUNT, Budget=BUDGET, NotificationsWithSubscribers=notified, ResourceTags=tags)
    try:
        found = budgets.describe_budget(**OWN)["Budget"]
        assert BUDGET.items() <= found.items()
        assert found["CostTypes"]["IncludeTax"]
        assert [item["Threshold"] for item in budgets.describe_notifications_for_budget(**OWN)["Notifications"]] == [80]
        subscribers = budgets.describe_subscribers_for_notification(**OWN, Notification=NOTIFICATION)["Subscribers"]
        assert subscribers == [SUBSCRIBER]
        arn = f"arn:aws:budgets::{ACCOUNT}:budget/{NAME}"
        assert budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == tags
        larger = BUDGET | {"BudgetLimit": {"Amount": "250.0", "Unit": "USD"}}
        budgets.update_budget(AccountId=ACCOUNT, NewBudget=larger)
        assert budgets.describe_budget(**OWN)["Budget"]["BudgetLimit"]["Amount"] == "250.0"
        assert _code(budgets.create_budget, AccountId=ACCOUNT, Budget=BUDGET) == "DuplicateRecordException"
        budgets.delete_notification(**OWN, Notification=NOTIFICATION)
        assert budgets.describe_notifications_for_budget(**OWN)["Notifications"] == []
    finally:
        budgets.delete_budget(**OWN)
    assert _code(budgets.describe_budget, **OWN) == "NotFoundException"


def test_what_is_refused(aws: Client) -> None:
    budgets = aws("budgets")
    assert _code(budgets.describe_budget, AccountId="111122223333", BudgetName=NAME) == "AccessDeniedException"
    nothing = BUDGET | {"BudgetLimit": {"Amount": "0", "Unit": "USD"}}
    assert _code(budgets.create_budget, AccountId=ACCOUNT, Budget=nothing) == "InvalidParameterException"
    many = [{"Notification": NOTIFICATION, "Subscribers": [SUBSCRIBER | {"Address": f"a{n}@b.org"} for n in range(11)]}]
    code = _code(budgets.create_budget, AccountId=ACCOUNT, Budget=BUDGET, NotificationsWithSubscribers=many)
    assert code == "CreationLimitExceededException"
