"""Action plugin of app_runner_deployment."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, ClassVar

from ansible_collections.slipway.provision.plugins.plugin_utils.aws_action import ActionError, AwsActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.aws_logs import SHOWN_LINES, last_events

with suppress(ImportError):  # AwsActionModule says what is missing
    from botocore.exceptions import ClientError

_POLL_SECONDS = 1.0
_UNDER_WAY = ("PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS")
# What brings a service to an image; pausing and resuming do not.
_DEPLOYING = ("CREATE_SERVICE", "UPDATE_SERVICE", "START_DEPLOYMENT")

Json = dict[str, Any]


class Deployment:
    """The last deployment of one service.

    Args:
        apprunner, logs: boto3 clients.
        service_arn: ARN of the service.
        log_group: log group of its instances.
    """

    def __init__(self, apprunner: Any, logs: Any, service_arn: str, log_group: str) -> None:
        self._apprunner, self._logs = apprunner, logs
        self._service_arn, self._log_group = service_arn, log_group

    def wait(self, timeout_seconds: float) -> Json:
        """Follow the deployment to its end, whatever that is.

        Returns:
            Its operation.

        Raises:
            ActionError: it took too long.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            operation = self._last_operation()
            if operation["Status"] not in _UNDER_WAY:
                return operation
            if time.monotonic() > deadline:
                raise ActionError(self._failure(f"is {operation['Status']} after {timeout_seconds:.0f} s"))
            time.sleep(_POLL_SECONDS)

    def image_digest(self, operation: Json, requested: str) -> str:
        """Digest of the image that the service runs.

        Args:
            operation: as `wait` returns it. One that was rolled back is no failure of a later run that wants what
                was there before: nothing was to be deployed then.
            requested: digest of the image that it was told to run.

        Raises:
            ActionError: the service does not run, or runs another image.
        """
        service: Json = self._apprunner.describe_service(ServiceArn=self._service_arn)["Service"]
        if service["Status"] != "RUNNING":
            raise ActionError(self._failure(f"ended as {operation['Status']}, the service is {service['Status']}"))
        image = service["SourceConfiguration"]["ImageRepository"]["ImageIdentifier"]
        digest = str(image.partition("@")[2])
        if digest != requested:
            raise ActionError(
                self._failure(f"ended as {operation['Status']}. It still serves {image}, asked for was {requested}")
            )
        return digest

    def _last_operation(self) -> Json:
        # boto3 has no paginator for it. The newest comes first.
        request = {"ServiceArn": self._service_arn}
        while True:
            page = self._apprunner.list_operations(**request)
            for operation in page["OperationSummaryList"]:
                if operation["Type"] in _DEPLOYING:
                    found: Json = operation
                    return found
            if not page.get("NextToken"):
                raise ActionError(f"App Runner knows no deployment of {self._service_arn}")
            request["NextToken"] = page["NextToken"]

    def _failure(self, what: str) -> str:
        lines = [f"The deployment of {self._service_arn} {what}."]
        group = self._log_group.removesuffix("/application")
        for kind in ("service", "application"):
            lines += [f"Log group {group}/{kind}:", *(f"  | {line}" for line in self._log_lines(f"{group}/{kind}"))]
        return "\n".join(lines)

    def _log_lines(self, group: str) -> list[str]:
        # The last streams hold what came last; App Runner gives each deployment and each instance its own.
        try:
            answer = self._logs.describe_log_streams(
                logGroupName=group, orderBy="LastEventTime", descending=True, limit=2
            )
            events = [
                event
                for stream in answer["logStreams"]
                for event in last_events(self._logs, group, stream["logStreamName"])
            ]
        except ClientError as error:
            # Whoever may not read a log still wants the reason.
            return [f"no log: {error}"]
        events.sort(key=lambda event: int(event["timestamp"]))
        return [event["message"] for event in events[-SHOWN_LINES:]]


class ActionModule(AwsActionModule):
    """Follows the deployment."""

    ARGUMENTS: ClassVar = {
        "service_arn": {"type": "str", "required": True},
        "image_digest": {"type": "str", "required": True},
        "log_group": {"type": "str", "required": True},
        "timeout_seconds": {"type": "int", "default": 900},
        "region": {"type": "str", "required": True},
    }
    PURPOSE = "follow the deployment"

    def act(self, session: Any, arguments: Json) -> Json:
        """Wait for its end, and return what runs."""
        deployment = Deployment(
            session.client("apprunner"), session.client("logs"), arguments["service_arn"], arguments["log_group"]
        )
        operation = deployment.wait(arguments["timeout_seconds"])
        digest = deployment.image_digest(operation, arguments["image_digest"])
        return {"changed": False, "operation_id": operation["Id"], "image_digest": digest}
