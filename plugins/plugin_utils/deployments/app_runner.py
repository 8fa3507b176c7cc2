# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""A deployment of App Runner, by its operation: a service runs again after a rollback too."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.deployment import AwsDeployment, Origin, Request

_UNDER_WAY = ("PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS")
# What brings a service to an image; pausing and resuming do not.
_DEPLOYING = ("CREATE_SERVICE", "UPDATE_SERVICE", "START_DEPLOYMENT")

Json = dict[str, Any]


class Deployment(AwsDeployment):
    """The last deployment of one service."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._apprunner = self.client("apprunner")
        self._status = ""

    @property
    def name(self) -> str:
        """ARN of the service."""
        return str(self.request.outputs["service_arn"])

    def follow(self) -> str:
        """Follow the operation to its end, whatever that is.

        One that was rolled back is no failure of a later run that wants what was there before: nothing was to be
        deployed then.
        """
        return str(self.wait_for(self._ended, self._late)["Id"])

    def running(self) -> dict[str, list[str]]:
        """Digest of the service's image; nothing where it does not run."""
        service = self._describe()
        if service["Status"] != "RUNNING":
            return {}
        image = service["SourceConfiguration"]["ImageRepository"]["ImageIdentifier"]
        return {str(image.partition("@")[2]): [str(image.partition("@")[0])]}

    def origin(self) -> Origin:
        """The last operation; App Runner does not say whose it is."""
        return Origin(self._last_operation()["StartedAt"])

    def report(self) -> list[str]:
        """How the operation ended, and the end of both logs."""
        return [
            f"The deployment ended as {self._status}, the service is {self._describe()['Status']}.",
            *self._logs_of_both(),
        ]

    def _describe(self) -> Json:
        service: Json = self._apprunner.describe_service(ServiceArn=self.name)["Service"]
        return service

    def _ended(self) -> Json | None:
        operation = self._last_operation()
        self._status = operation["Status"]
        self.doing = f"{operation['Type']} is {self._status}"
        return None if self._status in _UNDER_WAY else operation

    def _late(self) -> str:
        what = f"The deployment of {self.name} is {self._status} after {self.request.timeout_seconds} s."
        return "\n".join([what, *self._logs_of_both()])

    def _last_operation(self) -> Json:
        # boto3 has no paginator for it. The newest comes first.
        request = {"ServiceArn": self.name}
        while True:
            page = self._apprunner.list_operations(**request)
            for operation in page["OperationSummaryList"]:
                if operation["Type"] in _DEPLOYING:
                    found: Json = operation
                    return found
            if not page.get("NextToken"):
                raise ActionError(f"App Runner knows no deployment of {self.name}")
            request["NextToken"] = page["NextToken"]

    def _logs_of_both(self) -> list[str]:
        """App Runner's log and the application's; each deployment and each instance has a stream of its own."""
        group = self.request.outputs["log_group_name"].removesuffix("/application")
        groups = (f"{group}/service", f"{group}/application")
        return [line for one in groups for line in (f"Log group {one}:", *self.last_lines(one))]
