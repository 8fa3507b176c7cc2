"""AWS Budgets: budgets with their notifications, which are kept and never sent.

Source of the shapes and rules: the AWS Budgets API reference. MiniStack has Budgets, too, which take another account's
id, no amount and more e-mail subscribers than AWS does, and leave out what a budget counts (`CostTypes`).
"""

from __future__ import annotations

import time
from decimal import Decimal, InvalidOperation
from typing import Any

from ministack.core.responses import AccountScopedDict, get_account_id

from slipway_emulator.protocols.json import ApiError, JsonService, page

Json = dict[str, Any]

# What a budget counts where its maker does not say ("CostTypes" in the API reference).
_COST_TYPES = dict.fromkeys(
    (
        "IncludeTax",
        "IncludeSubscription",
        "IncludeRefund",
        "IncludeCredit",
        "IncludeUpfront",
        "IncludeRecurring",
        "IncludeOtherSubscription",
        "IncludeSupport",
        "IncludeDiscount",
    ),
    True,
) | {"UseAmortized": False, "UseBlended": False}
# "TimePeriod" in the API reference: until the end of the day when it is made, and for ever.
_END = 3706473600
_PAGE = 100
_MOST_EMAILS = 10


class Budgets(JsonService):
    """The service: its records and its operations."""

    def __init__(self) -> None:
        super().__init__("budgets", "InvalidParameterException")
        # By name: the budget, its notifications with their subscribers, its tags.
        self._budgets = AccountScopedDict()

    def _permission(self, operation: str) -> str:
        # "Actions defined by AWS Budget Service" in the Service Authorization Reference.
        if operation.endswith("Resource"):
            return operation
        return "ViewBudget" if operation.startswith("Describe") else "ModifyBudget"

    def _CreateBudget(self, request: Json) -> Json:
        budget = request["Budget"]
        name = budget["BudgetName"]
        self._check_account(request)
        _check(budget)
        if name in self._budgets:
            raise ApiError("DuplicateRecordException", f"Error creating budget: {name} - the budget already exists.")
        first_of_month = time.gmtime()
        period = {"Start": time.mktime((*first_of_month[:2], 1, 0, 0, 0, 0, 0, 0)), "End": _END}
        record: Json = {
            "budget": {"CostTypes": _COST_TYPES, "CostFilters": {}}
            | budget
            | {
                "TimePeriod": period | (budget.get("TimePeriod") or {}),
                "CalculatedSpend": {"ActualSpend": {"Amount": "0", "Unit": "USD"}},
            },
            "notifications": [],
            "tags": request.get("ResourceTags", []),
        }
        for item in request.get("NotificationsWithSubscribers", []):
            _add(record, item["Notification"], item["Subscribers"])
        self._budgets[name] = record
        return {}

    def _UpdateBudget(self, request: Json) -> Json:
        record = self._record(request, request["NewBudget"]["BudgetName"])
        _check(request["NewBudget"])
        record["budget"] |= request["NewBudget"]
        return {}

    def _DescribeBudget(self, request: Json) -> Json:
        return {"Budget": self._record(request)["budget"]}

    def _DescribeBudgets(self, request: Json) -> Json:
        self._check_account(request)
        return _page("Budgets", [record["budget"] for record in self._budgets.values()], request)

    def _DeleteBudget(self, request: Json) -> Json:
        self._record(request)
        del self._budgets[request["BudgetName"]]
        return {}

    def _CreateNotification(self, request: Json) -> Json:
        _add(self._record(request), request["Notification"], request["Subscribers"])
        return {}

    def _DeleteNotification(self, request: Json) -> Json:
        record = self._record(request)
        record["notifications"].remove(_found(record, request["Notification"]))
        return {}

    def _DescribeNotificationsForBudget(self, request: Json) -> Json:
        found = [notification for notification, _ in self._record(request)["notifications"]]
        return _page("Notifications", found, request)

    def _DescribeSubscribersForNotification(self, request: Json) -> Json:
        return _page("Subscribers", _found(self._record(request), request["Notification"])[1], request)

    def _ListTagsForResource(self, request: Json) -> Json:
        return {"ResourceTags": self._tagged(request)["tags"]}

    def _TagResource(self, request: Json) -> Json:
        record = self._tagged(request)
        keys = [tag["Key"] for tag in request["ResourceTags"]]
        record["tags"] = [tag for tag in record["tags"] if tag["Key"] not in keys] + request["ResourceTags"]
        return {}

    def _UntagResource(self, request: Json) -> Json:
        record = self._tagged(request)
        record["tags"] = [tag for tag in record["tags"] if tag["Key"] not in request["ResourceTagKeys"]]
        return {}

    def _tagged(self, request: Json) -> Json:
        return self._record({"AccountId": get_account_id()}, request["ResourceARN"].rpartition("/")[2])

    def _record(self, request: Json, name: str = "") -> Json:
        self._check_account(request)
        name = name or request["BudgetName"]
        record: Json | None = self._budgets.get(name)
        if record is None:
            raise ApiError("NotFoundException", f"Unable to get budget: {name} - the budget doesn't exist.")
        return record

    def _check_account(self, request: Json) -> None:
        if request["AccountId"] != get_account_id():
            raise ApiError("AccessDeniedException", f"Account {request['AccountId']} is not the caller's.")


def _check(budget: Json) -> None:
    """Refuse a limit that is no amount of money."""
    try:
        is_amount = Decimal(budget["BudgetLimit"]["Amount"]) > 0
    except (InvalidOperation, KeyError):
        is_amount = False
    if not is_amount:
        raise ApiError("InvalidParameterException", "Budget limit must be a positive number.")


def _add(record: Json, notification: Json, subscribers: list[Json]) -> None:
    notification = {"ThresholdType": "PERCENTAGE", "NotificationState": "OK"} | notification
    if any(_key(one) == _key(notification) for one, _ in record["notifications"]):
        raise ApiError("DuplicateRecordException", "The notification already exists.")
    if sum(subscriber["SubscriptionType"] == "EMAIL" for subscriber in subscribers) > _MOST_EMAILS:
        raise ApiError(
            "CreationLimitExceededException", f"A notification has {_MOST_EMAILS} e-mail subscribers at most."
        )
    record["notifications"].append((notification, subscribers))


def _found(record: Json, notification: Json) -> tuple[Json, list[Json]]:
    wanted = _key({"ThresholdType": "PERCENTAGE"} | notification)
    for found in record["notifications"]:
        if _key(found[0]) == wanted:
            notified: tuple[Json, list[Json]] = found
            return notified
    raise ApiError("NotFoundException", "The notification doesn't exist.")


def _key(notification: Json) -> tuple[Any, ...]:
    members = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
    return tuple(notification[member] for member in members)


def _page(name: str, records: list[Json], request: Json) -> Json:
    return page(name, records, request, _PAGE, "InvalidNextTokenException")
