"""Auto scaling configurations of App Runner: names with revisions, one of them the default.

Source: CreateAutoScalingConfiguration and its neighbours in the App Runner API reference; "App Runner resource quotas".
"""

from __future__ import annotations

import time
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region, new_uuid

from slipway_emulator.protocols.json import ApiError, JsonService, page

INVALID = "InvalidRequestException"
# The API reference says ACTIVE and INACTIVE; the service writes them so, and the AWS provider waits for that.
_ACTIVE, _INACTIVE = "active", "inactive"
_NAMES, _REVISIONS = 10, 5
_PAGE = 100
_DEFAULT_NAME = "DefaultConfiguration"
_DEFAULTS = {"MaxConcurrency": 100, "MinSize": 1, "MaxSize": 25}
_SUMMARY = (
    "AutoScalingConfigurationArn",
    "AutoScalingConfigurationName",
    "AutoScalingConfigurationRevision",
    "Status",
    "CreatedAt",
    "HasAssociatedService",
    "IsDefault",
)

Json = dict[str, Any]


class AutoScalingConfigurations(JsonService):
    """The operations on auto scaling configurations; the services are in the class that extends this one."""

    def __init__(self) -> None:
        super().__init__("apprunner", INVALID)
        self._scaling = AccountRegionScopedDict()
        self._default = AccountRegionScopedDict()
        self._tags = AccountRegionScopedDict()

    def _arns_of_services(self, configuration_arn: str) -> list[str]:
        """ARNs of the services that use a revision."""
        raise NotImplementedError

    def _CreateAutoScalingConfiguration(self, request: Json) -> Json:
        name = request["AutoScalingConfigurationName"]
        if name == _DEFAULT_NAME:
            raise ApiError(INVALID, f"You can't create a revision of {_DEFAULT_NAME}")
        sizes = {key: request.get(key, default) for key, default in _DEFAULTS.items()}
        if sizes["MinSize"] > sizes["MaxSize"]:
            raise ApiError(INVALID, "MinSize must be less than or equal to MaxSize")
        active = [c for c in self._scaling.values() if c["Status"] == _ACTIVE]
        if len([c for c in active if c["AutoScalingConfigurationName"] == name]) >= _REVISIONS:
            raise ApiError(
                "ServiceQuotaExceededException", f"{name} has {_REVISIONS} active revisions, the most there can be"
            )
        if len({c["AutoScalingConfigurationName"] for c in active} - {name}) >= _NAMES:
            raise ApiError(
                "ServiceQuotaExceededException",
                f"There are {_NAMES} auto scaling configurations, the most there can be",
            )
        tags = tags_by_key(request)
        revisions = [
            c["AutoScalingConfigurationRevision"]
            for c in self._scaling.values()
            if c["AutoScalingConfigurationName"] == name
        ]
        record = self._record(name, max(revisions, default=0) + 1, sizes)
        self._tags[record["AutoScalingConfigurationArn"]] = tags
        return {"AutoScalingConfiguration": self._described(record)}

    def _DescribeAutoScalingConfiguration(self, request: Json) -> Json:
        return {"AutoScalingConfiguration": self._described(self._configuration(request))}

    def _ListAutoScalingConfigurations(self, request: Json) -> Json:
        self._ensure_default()
        wanted = request.get("AutoScalingConfigurationName")
        found = [
            {key: described[key] for key in _SUMMARY}
            for described in map(self._described, self._scaling.values())
            if described["Status"] == _ACTIVE
            and wanted in (None, described["AutoScalingConfigurationName"])
            and (described["Latest"] or not request.get("LatestOnly", False))
        ]
        return page("AutoScalingConfigurationSummaryList", found, request, _PAGE, INVALID)

    def _ListServicesForAutoScalingConfiguration(self, request: Json) -> Json:
        arns: list[Any] = self._arns_of_services(self._configuration(request)["AutoScalingConfigurationArn"])
        return page("ServiceArnList", arns, request, _PAGE, INVALID)

    def _UpdateDefaultAutoScalingConfiguration(self, request: Json) -> Json:
        record = self._active_configuration(request["AutoScalingConfigurationArn"])
        self._default["arn"] = record["AutoScalingConfigurationArn"]
        return {"AutoScalingConfiguration": self._described(record)}

    def _DeleteAutoScalingConfiguration(self, request: Json) -> Json:
        record = self._configuration(request)
        if record["Status"] != _ACTIVE:
            raise ApiError(INVALID, "The auto scaling configuration you specified has been deleted")
        name = record["AutoScalingConfigurationName"]
        doomed = [record]
        if request.get("DeleteAllRevisions", False):
            same = (c for c in self._scaling.values() if c["AutoScalingConfigurationName"] == name)
            doomed = [c for c in same if c["Status"] == _ACTIVE]
        for one in doomed:
            arn = one["AutoScalingConfigurationArn"]
            if self._described(one)["IsDefault"]:
                raise ApiError(INVALID, f"You can't delete the default auto scaling configuration {arn}")
            if self._arns_of_services(arn):
                raise ApiError(INVALID, f"The auto scaling configuration {arn} is used by one or more services")
        for one in doomed:
            one |= {"Status": _INACTIVE, "DeletedAt": time.time()}
            self._tags.pop(one["AutoScalingConfigurationArn"], None)
        return {"AutoScalingConfiguration": self._described(record)}

    def _active_configuration(self, arn: str | None) -> Json:
        """The revision that an ARN names, or the default one.

        Raises:
            ApiError: there is none, or it was deleted.
        """
        self._ensure_default()
        record = self._configuration({"AutoScalingConfigurationArn": arn or self._default["arn"]})
        if record["Status"] != _ACTIVE:
            raise ApiError(INVALID, "The auto scaling configuration you specified has been deleted")
        return record

    def _scaling_summary(self, arn: str) -> Json:
        """`AutoScalingConfigurationSummary` of a service that uses a revision."""
        described = self._described(self._scaling[arn])
        return {key: described[key] for key in _SUMMARY}

    def _configuration(self, request: Json) -> Json:
        """The revision an ARN names: a whole ARN, or one that ends after the name or after the revision."""
        self._ensure_default()
        arn = request["AutoScalingConfigurationArn"]
        exact: Json | None = self._scaling.get(arn)
        if exact is not None:
            return exact
        revisions = [
            record
            for whole, record in self._scaling.items()
            if whole.startswith(f"{arn}/") and record["Status"] == _ACTIVE
        ]
        if not revisions:
            raise ApiError("ResourceNotFoundException", f"Auto scaling configuration {arn} does not exist")
        return max(revisions, key=_revision)

    def _described(self, record: Json) -> Json:
        name, arn = record["AutoScalingConfigurationName"], record["AutoScalingConfigurationArn"]
        active = [
            c for c in self._scaling.values() if c["AutoScalingConfigurationName"] == name and c["Status"] == _ACTIVE
        ]
        return record | {
            "Latest": bool(active) and max(active, key=_revision) is record,
            "HasAssociatedService": bool(self._arns_of_services(arn)),
            "IsDefault": self._default.get("arn") == arn,
        }

    def _record(self, name: str, revision: int, sizes: Json) -> Json:
        identifier = new_uuid().replace("-", "") if name != _DEFAULT_NAME else f"{revision:032x}"
        arn = (
            f"arn:aws:apprunner:{get_region()}:{get_account_id()}:autoscalingconfiguration/"
            f"{name}/{revision}/{identifier}"
        )
        record = {
            "AutoScalingConfigurationArn": arn,
            "AutoScalingConfigurationName": name,
            "AutoScalingConfigurationRevision": revision,
            "Status": _ACTIVE,
            "CreatedAt": time.time(),
            **sizes,
        }
        self._scaling[arn] = record
        return record

    def _ensure_default(self) -> None:
        if "arn" not in self._default:
            self._default["arn"] = self._record(_DEFAULT_NAME, 1, _DEFAULTS)["AutoScalingConfigurationArn"]


def tags_by_key(request: Json) -> dict[str, str]:
    """The tags of a request; the API's model asks a tag for neither key nor value.

    Raises:
        ApiError: a tag has no key.
    """
    tags = request.get("Tags", [])
    if not all("Key" in tag for tag in tags):
        raise ApiError(INVALID, "Each tag must have a Key")
    return {tag["Key"]: tag.get("Value", "") for tag in tags}


def _revision(record: Json) -> int:
    return int(record["AutoScalingConfigurationRevision"])
