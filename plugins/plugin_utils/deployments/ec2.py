# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""A deployment to an Auto Scaling group: an instance refresh, by its id, and what each instance says that it runs."""

from __future__ import annotations

import datetime
from collections import defaultdict
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils import deployment as base
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.deployment import (
    NO_LOG,
    SHOWN_LINES,
    AwsDeployment,
    NotYetError,
    Origin,
    Request,
)

_SHOWN_INSTANCES = 2
# So many instances that fail one after the other are no accident.
_FAILURES = 2
# For some seconds EC2 Auto Scaling cannot assume its service-linked role, which an account's first group makes ("Access
# denied when attempting to assume role"): launches fail, and are tried again.
_FIRST_SECONDS = 60
# "AWS Systems Manager endpoints and quotas": instance ids of one SendCommand.
_MOST_AT_ONCE = 50
_ACTIVE = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")
# As the layer's user data calls it.
_CONTAINER = "app"

Json = dict[str, Any]


class Deployment(AwsDeployment):
    """The way of one group to one launch template version.

    A refresh to the same version that an interrupted run has left is followed; one to another is cancelled first.

    Args:
        request: what was deployed.
        process: the process whose group it is; empty for the web server.
    """

    def __init__(self, request: Request, process: str = "") -> None:
        super().__init__(request)
        self._scaling, self._elb, self._ec2, self._ssm = map(self.client, ("autoscaling", "elbv2", "ec2", "ssm"))
        outputs = request.outputs["processes"][process] if process else request.outputs
        self._process = process
        self._group = str(outputs["auto_scaling_group_name"])
        self._title = f"process {process} (group {self._group})" if process else self._group
        self._does = "run" if process else "serve"
        self._template = {
            "LaunchTemplateId": outputs["launch_template_id"],
            "Version": outputs["launch_template_version"],
        }
        self._identifier = ""
        # What went wrong before does not count.
        self._began = datetime.datetime.now(datetime.UTC)

    @property
    def name(self) -> str:
        """Name of the group."""
        return self._group

    def processes(self) -> dict[str, base.Deployment]:
        """Those of the other processes, each of which has a group."""
        # A state of before there were processes has no such output.
        return {name: Deployment(self.request, name) for name in self.request.outputs.get("processes", {})}

    def begin(self) -> None:
        """Begin to refresh the instances where they need it; in check mode, nothing."""
        if self.request.check_mode:
            return
        self._identifier = self._left_by_another_run()
        if not self._identifier and not self._has_arrived():
            self._identifier = self._scaling.start_instance_refresh(
                AutoScalingGroupName=self.name,
                DesiredConfiguration={"LaunchTemplate": self._template},
                # How many instances there may be meanwhile, the group itself says.
                Preferences={
                    "AutoRollback": True,
                    "SkipMatching": True,
                    **self._describe()["InstanceMaintenancePolicy"],
                },
            )["InstanceRefreshId"]
            self.changed = True

    def follow(self) -> str:
        """Follow the refresh of the instances, where they needed it; in check mode, only look."""
        if self.request.check_mode:
            self._check()
            return ""
        if self._identifier:
            self._follow(self._identifier)
            self._began = datetime.datetime.now(datetime.UTC)
        self._await_steady()
        return self._identifier

    def running(self) -> dict[str, list[str]]:
        """Digests, and the instances that say that they run them."""
        instances = [one["InstanceId"] for one in self._members()]
        command = f"docker inspect --format '{{{{.Config.Image}}}}' {_CONTAINER}"
        found = defaultdict(list)
        for first in range(0, len(instances), _MOST_AT_ONCE):
            some = instances[first : first + _MOST_AT_ONCE]
            identifier = self._send(some, command)
            for instance in some:
                found[self._result(identifier, instance).rpartition("@")[2]].append(instance)
        return found

    def seen(self) -> dict[str, list[str]]:
        """What the launch template's version of each instance says: no agent is asked."""
        found = defaultdict(list)
        for one in self._members():
            template = one.get("LaunchTemplate", {})
            other = f"launch template version {template.get('Version', 'none')}"
            found[self.request.image_digest if self._is_ours(template) else other].append(one["InstanceId"])
        return found

    def origin(self) -> Origin:
        """The launch template's version."""
        answer = self._ec2.describe_launch_template_versions(
            LaunchTemplateId=self._template["LaunchTemplateId"], Versions=[str(self._template["Version"])]
        )
        version = answer["LaunchTemplateVersions"][0]
        return Origin(version["CreateTime"], version.get("CreatedBy", ""))

    def _check(self) -> None:
        if not self._has_arrived():
            now, wanted = self._describe()["LaunchTemplate"]["Version"], self._template["Version"]
            raise ActionError(
                f"{self.name} is set to launch template version {now}, asked for was {wanted}: the last deployment "
                "failed or did not end, or its instances are older. Deploy again"
            )
        self._await_steady()

    def _send(self, instances: list[str], command: str) -> str:
        """Id of a command that the instances' agents have taken."""
        refusal: Exception | None = None

        def sent() -> str | None:
            nonlocal refusal
            try:
                answer = self._ssm.send_command(
                    InstanceIds=instances, DocumentName="AWS-RunShellScript", Parameters={"commands": [command]}
                )
            except self._ssm.exceptions.InvalidInstanceId as error:
                # The agent of a new instance reports a minute after it has booted.
                refusal = error
                return None
            return str(answer["Command"]["CommandId"])

        late = f"Systems Manager does not reach the instances of {self.name}"
        return str(self.wait_for(sent, lambda: f"{late}: {refusal}"))

    def _result(self, command: str, instance: str) -> str:
        """What a command says on an instance."""

        def said() -> str | None:
            try:
                answer = self._ssm.get_command_invocation(CommandId=command, InstanceId=instance)
            except self._ssm.exceptions.InvocationDoesNotExist:
                return None
            if answer["Status"] == "Success":
                return str(answer["StandardOutputContent"]).strip()
            if answer["Status"] in ("Pending", "InProgress", "Delayed"):
                return None
            raise ActionError(
                f"instance {instance} does not say what it runs: {answer['Status']} "
                f"{answer.get('StandardErrorContent', '').strip()}"
            )

        late = f"instance {instance} does not say within {self.request.timeout_seconds} s what it runs"
        return str(self.wait_for(said, lambda: late))

    # -- the group --

    def _describe(self) -> Json:
        groups = self._scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])["AutoScalingGroups"]
        if not groups:
            raise ActionError(f"there is no Auto Scaling group {self.name}")
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
        """Wait until the group has all its instances, each healthy.

        Raises:
            ActionError: they do not come up.
        """
        serving = ""

        def steady() -> bool | None:
            nonlocal serving
            group = self._describe()
            members = group["Instances"]
            healthy = self._healthy(members)
            ready = [
                one
                for one in members
                if one["LifecycleState"] == "InService"
                and one["InstanceId"] in healthy
                and self._is_ours(one.get("LaunchTemplate", {}))
            ]
            if len(ready) == len(members) == group["DesiredCapacity"]:
                return True
            problems = self._failures(self._began)
            if len(problems) >= _FAILURES:
                raise ActionError(self._failure("its instances fail", problems[0], self._began))
            self.doing = serving = f"{len(ready)} of {group['DesiredCapacity']} instances {self._does}"
            return None

        seconds = self.request.timeout_seconds
        self.wait_for(steady, lambda: self._failure(f"{serving} after {seconds} s", "", self._began))

    def _healthy(self, members: list[Json]) -> set[str]:
        """Ids of the instances that are healthy in the load balancer; without one, in the group's opinion."""
        if self._process:
            return {one["InstanceId"] for one in members if one["HealthStatus"] == "Healthy"}
        states = self._elb.describe_target_health(TargetGroupArn=self.request.outputs["target_group_arn"])
        return {
            one["Target"]["Id"]
            for one in states["TargetHealthDescriptions"]
            if one["TargetHealth"]["State"] == "healthy"
        }

    # -- the refresh --

    def _left_by_another_run(self) -> str:
        """Id of a refresh to this very version that is under way; others are ended first.

        Nobody else deploys this group at the same time, so what is under way was left by a run that was interrupted.
        """
        active: list[Json] = []

        def left() -> str | None:
            nonlocal active
            answer = self._scaling.describe_instance_refreshes(AutoScalingGroupName=self.name, MaxRecords=1)
            active = [one for one in answer["InstanceRefreshes"] if one["Status"] in _ACTIVE]
            if not active:
                return ""
            wanted = active[0].get("DesiredConfiguration", {}).get("LaunchTemplate", {})
            if active[0]["Status"] in ("Pending", "InProgress"):
                if self._is_ours(wanted):
                    return str(active[0]["InstanceRefreshId"])
                self._scaling.cancel_instance_refresh(AutoScalingGroupName=self.name)
            return None

        def late() -> str:
            return (
                f"the instance refresh {active[0]['InstanceRefreshId']} of {self.name} is still "
                f"{active[0]['Status']} after {self.request.timeout_seconds} s"
            )

        return str(self.wait_for(left, late))

    def _follow(self, identifier: str) -> None:
        """Follow a refresh until it has succeeded; one that takes too long, or whose instances fail, is rolled back.

        By itself a refresh tries for an hour before it goes back.
        """
        failing: list[str] = []

        def ended_or_failing() -> Json | None:
            nonlocal failing
            record = self._refresh(identifier)
            if record["Status"] not in _ACTIVE:
                return record
            reason = record.get("StatusReason", "")
            self.doing = (
                f"instance refresh {record['Status']}, {record.get('PercentageComplete', 0)} %. {reason}".strip()
            )
            failing = self._failures(record["StartTime"])
            return {} if len(failing) >= _FAILURES else None

        try:
            record = self.wait_for(
                ended_or_failing, lambda: f"It was not complete after {self.request.timeout_seconds} s."
            )
            late = "" if record else f"New instances fail: {failing[0]}"
        except NotYetError as error:
            if not self.timeout_seconds:
                # Another deployment of the run has failed. This one goes on by itself, and the next run follows it.
                raise
            late = str(error)
        if late:
            record = self._roll_back(identifier, late)
        if record["Status"] != "Successful":
            what = f"the instance refresh {identifier} ended as {record['Status']}"
            raise ActionError(self._failure(what, late or record.get("StatusReason", ""), record["StartTime"]))

    def _roll_back(self, identifier: str, late: str) -> Json:
        """Roll a refresh back, and return it when it has ended."""

        def ended() -> Json | None:
            record = self._refresh(identifier)
            return None if record["Status"] in _ACTIVE else record

        if self._refresh(identifier)["Status"] in ("Pending", "InProgress"):
            self._scaling.rollback_instance_refresh(AutoScalingGroupName=self.name)
        what = f"{late} The rollback takes too long"
        record: Json = self.wait_for(ended, lambda: self._failure(what, "", self._refresh(identifier)["StartTime"]))
        return record

    def _refresh(self, identifier: str) -> Json:
        answer = self._scaling.describe_instance_refreshes(
            AutoScalingGroupName=self.name, InstanceRefreshIds=[identifier]
        )
        record: Json = answer["InstanceRefreshes"][0]
        return record

    # -- what to say --

    def _activities(self, since: datetime.datetime) -> list[Json]:
        answer = self._scaling.describe_scaling_activities(AutoScalingGroupName=self.name)
        # The clocks of this machine and of AWS may differ by a little.
        start = since - datetime.timedelta(seconds=5)
        return [one for one in answer["Activities"] if one["StartTime"] >= start]

    def _failures(self, since: datetime.datetime) -> list[str]:
        """What counts of what went wrong with instances, the newest first."""
        from_then_on = since + datetime.timedelta(seconds=_FIRST_SECONDS)
        return [
            _reason(one)
            for one in self._activities(since)
            if _is_of_an_instance(one) or (_has_failed(one) and one["StartTime"] >= from_then_on)
        ]

    def _problems(self, since: datetime.datetime) -> list[str]:
        """What went wrong with instances, the newest first."""
        return [_reason(one) for one in self._activities(since) if _is_of_an_instance(one) or _has_failed(one)]

    def _failure(self, what: str, reason: str, since: datetime.datetime) -> str:
        version = self._template["Version"]
        lines = [
            f"The deployment of launch template version {version} to {self._title} failed: {what}. {reason}".rstrip()
        ]
        now = self._describe()["LaunchTemplate"]["Version"]
        if now != version:
            lines.append(f"The group was rolled back and still {self._does}s version {now}.")
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
            lines += self._last_lines(instance)
        return "\n".join(lines)

    def _last_lines(self, instance: str) -> list[str]:
        """The end of what the application on an instance said; of its boot, where it did not get as far."""
        stream = f"{self._process or 'instance'}/{instance}"
        lines: list[str] = self.last_lines(self.request.outputs["log_group_name"], stream)
        if lines != NO_LOG:
            return lines
        try:
            # boto3 has decoded it already.
            output = self._ec2.get_console_output(InstanceId=instance).get("Output", "")
        except self._ec2.exceptions.ClientError as error:
            return [f"  | no log: {error}"]
        return [f"  | {line}" for line in str(output).splitlines()[-SHOWN_LINES:]] or lines


def _has_failed(activity: Json) -> bool:
    return activity["StatusCode"] in ("Failed", "Cancelled")


def _is_of_an_instance(activity: Json) -> bool:
    """Whether an instance failed that was launched: its health check, or its own word on what it runs."""
    return "health check" in activity["Cause"] or "Lifecycle Action" in activity.get("StatusMessage", "")


def _reason(activity: Json) -> str:
    return str(activity.get("StatusMessage") or activity["Cause"])
