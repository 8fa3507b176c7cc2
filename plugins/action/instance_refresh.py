"""Action plugin of instance_refresh."""

from __future__ import annotations

import datetime
import time
from contextlib import suppress
from typing import Any, ClassVar

from ansible_collections.slipway.provision.plugins.plugin_utils.aws_action import ActionError, AwsActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.aws_logs import SHOWN_LINES, last_events

with suppress(ImportError):  # AwsActionModule says what is missing
    from botocore.exceptions import ClientError

_POLL_SECONDS = 1.0
_SHOWN_INSTANCES = 2
# So many instances that fail one after the other are no accident.
_FAILURES = 2
# A new instance serves before an old one goes, and half as many more than wanted are the most there are.
_PREFERENCES = {
    "AutoRollback": True,
    "MaxHealthyPercentage": 150,
    "MinHealthyPercentage": 100,
    "SkipMatching": True,
}
# "AWS Systems Manager endpoints and quotas": instance ids of one SendCommand.
_MOST_AT_ONCE = 50
_ACTIVE = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")

Json = dict[str, Any]


class Refresh:
    """The way of one group to one launch template version.

    Args:
        clients: boto3 clients by service: autoscaling, ec2, elbv2, logs and ssm.
        arguments: what the task gives.
    """

    def __init__(self, clients: Json, arguments: Json) -> None:
        self._scaling, self._elb, self._ec2 = clients["autoscaling"], clients["elbv2"], clients["ec2"]
        self._logs, self._ssm = clients["logs"], clients["ssm"]
        self._group = arguments["auto_scaling_group"]
        self._template = {
            "LaunchTemplateId": arguments["launch_template_id"],
            "Version": arguments["launch_template_version"],
        }
        self._target_group, self._log_group = arguments["target_group"], arguments["log_group"]
        self._container = arguments["container"]
        self._timeout = arguments["timeout_seconds"]
        self.started = False
        self._begin()

    def _begin(self) -> None:
        """Begin to wait: what comes next has the whole time, and what went wrong before does not count."""
        self._deadline = time.monotonic() + self._timeout
        self._began = datetime.datetime.now(datetime.UTC)

    def run(self) -> str:
        """Bring the group to the version.

        Returns:
            Id of the refresh, empty where none was needed.

        Raises:
            ActionError: it failed, was rolled back or took too long.
        """
        identifier = self._left_by_another_run()
        if not identifier and not self._has_arrived():
            identifier = self._scaling.start_instance_refresh(
                AutoScalingGroupName=self._group,
                DesiredConfiguration={"LaunchTemplate": self._template},
                Preferences=_PREFERENCES,
            )["InstanceRefreshId"]
            self.started = True
        if identifier:
            self._follow(identifier)
            self._begin()
        self._await_steady()
        return identifier

    def check(self) -> None:
        """Look whether the group has the version, and its instances are healthy; start and end nothing.

        Raises:
            ActionError: it has not.
        """
        if not self._has_arrived():
            now, wanted = self._describe()["LaunchTemplate"]["Version"], self._template["Version"]
            raise ActionError(
                f"{self._group} is set to launch template version {now}, asked for was {wanted}: the last deployment "
                "failed or did not end, or its instances are older. Deploy again"
            )
        self._await_steady()

    def images(self) -> dict[str, str]:
        """The image that runs on each instance, by its id.

        Raises:
            ActionError: an instance does not answer in time, or runs none.
        """
        instances = [one["InstanceId"] for one in self._members()]
        command = f"docker inspect --format '{{{{.Config.Image}}}}' {self._container}"
        images: dict[str, str] = {}
        for first in range(0, len(instances), _MOST_AT_ONCE):
            some = instances[first : first + _MOST_AT_ONCE]
            identifier = self._send(some, command)
            images |= {instance: self._result(identifier, instance) for instance in some}
        return images

    def _send(self, instances: list[str], command: str) -> str:
        while True:
            try:
                answer = self._ssm.send_command(
                    InstanceIds=instances, DocumentName="AWS-RunShellScript", Parameters={"commands": [command]}
                )
            except self._ssm.exceptions.InvalidInstanceId as error:
                # The agent of a new instance reports a minute after it has booted.
                if time.monotonic() > self._deadline:
                    raise ActionError(
                        f"Systems Manager does not reach the instances of {self._group}: {error}"
                    ) from None
                time.sleep(_POLL_SECONDS)
            else:
                return str(answer["Command"]["CommandId"])

    def _result(self, command: str, instance: str) -> str:
        while time.monotonic() <= self._deadline:
            try:
                answer = self._ssm.get_command_invocation(CommandId=command, InstanceId=instance)
            except self._ssm.exceptions.InvocationDoesNotExist:
                answer = {"Status": "Pending"}
            if answer["Status"] == "Success":
                return str(answer["StandardOutputContent"]).strip()
            if answer["Status"] not in ("Pending", "InProgress", "Delayed"):
                raise ActionError(
                    f"instance {instance} does not say what it runs: {answer['Status']} "
                    f"{answer.get('StandardErrorContent', '').strip()}"
                )
            time.sleep(_POLL_SECONDS)
        raise ActionError(f"instance {instance} does not say within {self._timeout} s what it runs")

    # -- the group --

    def _describe(self) -> Json:
        groups = self._scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self._group])["AutoScalingGroups"]
        if not groups:
            raise ActionError(f"there is no Auto Scaling group {self._group}")
        group: Json = groups[0]
        return group

    def _members(self) -> list[Json]:
        """The instances that are to stay."""
        leaving = ("Terminating", "Terminated")
        return [one for one in self._describe()["Instances"] if not one["LifecycleState"].startswith(leaving)]

    def _is_ours(self, template: Json) -> bool:
        return all(template.get(member) == value for member, value in self._template.items())

    def _has_arrived(self) -> bool:
        """Whether the group and all its instances have the version already."""
        return self._is_ours(self._describe()["LaunchTemplate"]) and all(
            self._is_ours(one.get("LaunchTemplate", {})) for one in self._members()
        )

    def _await_steady(self) -> None:
        """Wait until the group has all its instances, each healthy in the load balancer.

        Raises:
            ActionError: they do not come up.
        """
        while True:
            group = self._describe()
            members = group["Instances"]
            states = self._elb.describe_target_health(TargetGroupArn=self._target_group)["TargetHealthDescriptions"]
            healthy = {one["Target"]["Id"] for one in states if one["TargetHealth"]["State"] == "healthy"}
            ready = [
                one
                for one in members
                if one["LifecycleState"] == "InService"
                and one["InstanceId"] in healthy
                and self._is_ours(one.get("LaunchTemplate", {}))
            ]
            if len(ready) == len(members) == group["DesiredCapacity"]:
                return
            problems = self._problems(self._began)
            if len(problems) >= _FAILURES:
                raise ActionError(self._failure("its instances fail", problems[0], self._began))
            if time.monotonic() > self._deadline:
                what = f"{len(ready)} of {group['DesiredCapacity']} instances serve after {self._timeout} s"
                raise ActionError(self._failure(what, "", self._began))
            time.sleep(_POLL_SECONDS)

    # -- the refresh --

    def _left_by_another_run(self) -> str:
        """Id of a refresh to this very version that is under way; others are ended first.

        Nobody else deploys this group at the same time, so what is under way was left by a run that was interrupted.
        """
        while True:
            answer = self._scaling.describe_instance_refreshes(AutoScalingGroupName=self._group, MaxRecords=1)
            active = [one for one in answer["InstanceRefreshes"] if one["Status"] in _ACTIVE]
            if not active:
                return ""
            wanted = active[0].get("DesiredConfiguration", {}).get("LaunchTemplate", {})
            if active[0]["Status"] in ("Pending", "InProgress"):
                if self._is_ours(wanted):
                    return str(active[0]["InstanceRefreshId"])
                self._scaling.cancel_instance_refresh(AutoScalingGroupName=self._group)
            if time.monotonic() > self._deadline:
                raise ActionError(
                    f"the instance refresh {active[0]['InstanceRefreshId']} of {self._group} is still "
                    f"{active[0]['Status']} after {self._timeout} s"
                )
            time.sleep(_POLL_SECONDS)

    def _follow(self, identifier: str) -> None:
        """Follow a refresh until it has succeeded; one that takes too long, or whose instances fail, is rolled back.

        By itself a refresh tries for an hour before it goes back.
        """
        late = ""
        while True:
            answer = self._scaling.describe_instance_refreshes(
                AutoScalingGroupName=self._group, InstanceRefreshIds=[identifier]
            )
            record = answer["InstanceRefreshes"][0]
            if record["Status"] == "Successful":
                return
            if record["Status"] not in _ACTIVE:
                what = f"the instance refresh {identifier} ended as {record['Status']}"
                reason = late or record.get("StatusReason", "")
                raise ActionError(self._failure(what, reason, record["StartTime"]))
            is_late = time.monotonic() > self._deadline
            problems = [] if late else self._problems(record["StartTime"])
            if is_late or len(problems) >= _FAILURES:
                if late:
                    raise ActionError(self._failure(f"{late} The rollback takes too long", "", record["StartTime"]))
                late = f"It was not complete after {self._timeout} s."
                if problems and not is_late:
                    late = f"New instances fail: {problems[0]}"
                self._deadline = time.monotonic() + self._timeout
                if record["Status"] in ("Pending", "InProgress"):
                    self._scaling.rollback_instance_refresh(AutoScalingGroupName=self._group)
            time.sleep(_POLL_SECONDS)

    # -- what to say --

    def _activities(self, since: datetime.datetime) -> list[Json]:
        answer = self._scaling.describe_scaling_activities(AutoScalingGroupName=self._group)
        # The clocks of this machine and of AWS may differ by a little.
        start = since - datetime.timedelta(seconds=5)
        return [one for one in answer["Activities"] if one["StartTime"] >= start]

    def _problems(self, since: datetime.datetime) -> list[str]:
        """What went wrong with instances, the newest first."""
        return [
            one.get("StatusMessage") or one["Cause"]
            for one in self._activities(since)
            if one["StatusCode"] in ("Failed", "Cancelled") or "health check" in one["Cause"]
        ]

    def _failure(self, what: str, reason: str, since: datetime.datetime) -> str:
        version = self._template["Version"]
        lines = [
            f"The deployment of launch template version {version} to {self._group} failed: {what}. {reason}".rstrip()
        ]
        now = self._describe()["LaunchTemplate"]["Version"]
        if now != version:
            lines.append(f"The group was rolled back and still serves version {now}.")
        launching = "Launching a new EC2 instance: "
        launched = [
            one["Description"].removeprefix(launching)
            for one in self._activities(since)
            if one["Description"].startswith(launching)
        ]
        for problem in dict.fromkeys(self._problems(since)[:_SHOWN_INSTANCES]):
            lines.append(f"  {problem}")
        for instance in launched[-_SHOWN_INSTANCES:]:
            lines.append(f"Instance {instance}:")
            lines += [f"  | {line}" for line in self._last_lines(instance)]
        return "\n".join(lines)

    def _last_lines(self, instance: str) -> list[str]:
        """The end of what the application on an instance said; of its boot, where it did not get as far."""
        try:
            events = last_events(self._logs, self._log_group, f"instance/{instance}")
        except ClientError as error:
            # Whoever may not read a log still wants the reason.
            return [f"no log: {error}"]
        if events:
            return [event["message"] for event in events]
        try:
            # boto3 has decoded it already.
            output = self._ec2.get_console_output(InstanceId=instance).get("Output", "")
        except ClientError as error:
            return [f"no log: {error}"]
        return str(output).splitlines()[-SHOWN_LINES:] or ["no log"]


class ActionModule(AwsActionModule):
    """Brings the group to the version."""

    ARGUMENTS: ClassVar = {
        "auto_scaling_group": {"type": "str", "required": True},
        "launch_template_id": {"type": "str", "required": True},
        "launch_template_version": {"type": "str", "required": True},
        "target_group": {"type": "str", "required": True},
        "log_group": {"type": "str", "required": True},
        "container": {"type": "str", "default": "app"},
        "timeout_seconds": {"type": "int", "default": 900},
        "region": {"type": "str", "required": True},
    }
    PURPOSE = "refresh the instances"

    def act(self, session: Any, arguments: Json) -> Json:
        """Refresh the instances where they need it, and return what runs."""
        clients = {name: session.client(name) for name in ("autoscaling", "ec2", "elbv2", "logs", "ssm")}
        refresh = Refresh(clients, arguments)
        identifier = ""
        if self._task.check_mode:
            refresh.check()
        else:
            identifier = refresh.run()
        images = refresh.images()
        return {
            "changed": refresh.started,
            "refresh_id": identifier,
            "image_digests": sorted({image.rpartition("@")[2] for image in images.values()}),
            "running_count": len(images),
        }
