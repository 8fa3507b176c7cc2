"""What Amazon EC2 Auto Scaling does by itself: launch, watch, replace, refresh and end the instances of groups.

Source of the rules: "Amazon EC2 Auto Scaling instance lifecycle", "Health checks for instances in an Auto Scaling
group", "How lifecycle hooks work in Auto Scaling groups", "How an instance refresh works" and "Undo changes with a
rollback" in its user guide.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from docker.errors import DockerException
from ministack.core.concurrency import spawn_background
from ministack.core.responses import new_uuid, request_scope
from ministack.services import alb, cloudwatch, ec2

from slipway_emulator.ec2.instances import Instances, LaunchError
from slipway_emulator.ec2.launch_templates import TemplateError, resolve_template
from slipway_emulator.elbv2.target_health import HEALTHY, UNHEALTHY, TargetHealth, deregistration_delay_seconds

PENDING, WAITING, IN_SERVICE, TERMINATING = "Pending", "Pending:Wait", "InService", "Terminating"
# A refresh in one of these states is under way.
ACTIVE = ("Pending", "InProgress", "Cancelling", "RollbackInProgress")

_TICK_SECONDS = 0.5
# AWS waits for what the preferences say, and goes on replacing unhealthy instances for up to an hour. Waiting is the
# one thing a rehearsal may shorten.
_LONGEST_WARMUP_SECONDS = 2.0
_REFRESH_FAILURES = 2
_LAUNCH_RETRY_SECONDS = 10.0
# DescribeScalingActivities returns those of the last six weeks; so many are enough here.
_ACTIVITIES_KEPT = 200

_logger = logging.getLogger(__name__)

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class LifecycleAction:
    """What an instance waits for.

    Attributes:
        token: names it.
        deadline: monotonic seconds of its hook's heartbeat timeout.
        default_result: `CONTINUE` or `ABANDON`, at that time.
    """

    token: str
    deadline: float
    default_result: str


@dataclasses.dataclass(eq=False)
class Member:
    """An instance of a group.

    Attributes:
        template: launch template and version it was launched from.
        subnet: where it is.
        zone: availability zone of the subnet.
        launched: monotonic seconds of its launch.
        protected: whether scaling in spares it.
        instance: its record, once EC2 has launched it.
        state: its lifecycle state.
        healthy: its health status.
        in_service: monotonic seconds since it is in service; None until then.
        waits_for: the lifecycle actions that it waits for, by their hooks' names.
        activity: the scaling activity of its launch.
    """

    template: Json
    subnet: str
    zone: str
    launched: float
    protected: bool
    instance: Json | None = None
    state: str = PENDING
    healthy: bool = True
    in_service: float | None = None
    waits_for: dict[str, LifecycleAction] = dataclasses.field(default_factory=dict)
    activity: Json = dataclasses.field(default_factory=dict)

    @property
    def identifier(self) -> str:
        """Id of the instance, empty before EC2 has given one."""
        return str(self.instance["InstanceId"]) if self.instance else ""


@dataclasses.dataclass(eq=False)
class Refresh:
    """An instance refresh.

    Attributes:
        record: as DescribeInstanceRefreshes tells it.
        template: what new instances are launched from; None for the group's own.
        started: monotonic seconds of its start.
        rolled_back: monotonic seconds of the start of its rollback; None while it goes forward.
        failures: what went wrong with replacements since the start or the rollback.
    """

    record: Json
    template: Json | None
    started: float
    rolled_back: float | None = None
    failures: list[str] = dataclasses.field(default_factory=list)

    @property
    def is_active(self) -> bool:
        """Whether it is under way."""
        return self.record["Status"] in ACTIVE

    def end(self, status: str, reason: str) -> None:
        """Put its end on the record."""
        self.record |= {"Status": status, "StatusReason": reason, "EndTime": time.time()}

    def roll_back(self, reason: str, now: float) -> None:
        """Begin to replace again what was replaced so far."""
        self.record |= {
            "Status": "RollbackInProgress",
            "StatusReason": reason,
            "RollbackDetails": {
                "RollbackReason": reason,
                "RollbackStartTime": time.time(),
                "PercentageCompleteOnRollback": self.record["PercentageComplete"],
                "InstancesToUpdateOnRollback": self.record["InstancesToUpdate"],
            },
        }
        self.rolled_back, self.failures = now, []

    def replaces(self, member: Member, group_template: Json) -> bool:
        """Whether a member is still to be replaced."""
        if self.rolled_back is not None:
            return self.started <= member.launched < self.rolled_back
        if self.record["Preferences"].get("SkipMatching"):
            return member.template != (self.template or group_template)
        return member.launched < self.started


class Group:
    """An Auto Scaling group.

    Args:
        settings: as DescribeAutoScalingGroups tells them, without instances.
        account: whose it is.
        region: where it is.
    """

    def __init__(self, settings: Json, account: str, region: str) -> None:
        self.settings = settings
        self.account = account
        self.region = region
        self.members: list[Member] = []
        self.activities: list[Json] = []
        self.refreshes: list[Refresh] = []
        # As DescribeLifecycleHooks tells them, by name; of launches alone.
        self.hooks: dict[str, Json] = {}
        self.deleting = False
        self.launch_not_before = 0.0
        self.lock = threading.RLock()

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.settings["AutoScalingGroupName"])

    @property
    def desired(self) -> int:
        """How many instances it wants."""
        return 0 if self.deleting else int(self.settings["DesiredCapacity"])

    def alive(self) -> list[Member]:
        """Members that are not on their way out."""
        return [member for member in self.members if member.state != TERMINATING]

    def refresh(self) -> Refresh | None:
        """The refresh under way."""
        return next((refresh for refresh in self.refreshes if refresh.is_active), None)

    def template(self) -> Json:
        """What its next instance is launched from, with the version's number."""
        refresh = self.refresh()
        if refresh and refresh.template and refresh.rolled_back is None:
            return refresh.template
        return resolve_template(self.settings["LaunchTemplate"])[1]

    def is_suspended(self, process: str) -> bool:
        """Whether a process is suspended."""
        return any(process == one["ProcessName"] for one in self.settings["SuspendedProcesses"])

    def subnets(self) -> list[str]:
        """Ids of its subnets."""
        return [subnet for subnet in self.settings["VPCZoneIdentifier"].split(",") if subnet]

    def registrations(self, member: Member) -> Iterator[tuple[str, str, int]]:
        """Target group, target id and port of each registration of a member."""
        for arn in self.settings["TargetGroupARNs"]:
            group = alb._tgs.get(arn)
            if group is not None and member.instance:
                yield arn, member.identifier, int(group["Port"])

    def record_activity(self, description: str, cause: str) -> Json:
        """Begin a scaling activity; `end_activity` ends it."""
        activity = {
            "ActivityId": new_uuid(),
            "AutoScalingGroupName": self.name,
            "AutoScalingGroupARN": self.settings["AutoScalingGroupARN"],
            "Description": description,
            "Cause": f"At {_timestamp()} {cause}",
            "StartTime": time.time(),
            "StatusCode": "InProgress",
            "Progress": 50,
            "Details": "{}",
        }
        self.activities.insert(0, activity)
        del self.activities[_ACTIVITIES_KEPT:]
        return activity


def end_activity(activity: Json, problem: str = "", code: str = "Failed") -> None:
    """End a scaling activity, with this code where there is a problem."""
    activity |= {"StatusCode": code if problem else "Successful", "Progress": 100, "EndTime": time.time()}
    if problem:
        activity["StatusMessage"] = problem


class GroupReconciler:
    """Brings every group to what it wants, a step at a time.

    Args:
        instances: launches and ends instances.
        health: the load balancers' opinion of each target.
        clock: monotonic seconds.
    """

    def __init__(self, instances: Instances, health: TargetHealth, clock: Callable[[], float] = time.monotonic) -> None:
        self._instances = instances
        self._health = health
        self.clock = clock
        self.groups: dict[tuple[str, str, str], Group] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="auto-scaling")

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop keeping groups; their instances are left as they are."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_TICK_SECONDS):
            try:
                running = self._instances.running() if self.groups else set()
            except DockerException:
                # An engine that does not answer says nothing about its containers.
                continue
            for group in list(self.groups.values()):
                try:
                    with request_scope(group.account, group.region), group.lock:
                        self._keep(group, running)
                except Exception:
                    # One group's trouble must not keep the others waiting.
                    _logger.exception("Auto Scaling group %s", group.name)

    def _keep(self, group: Group, running: set[str]) -> None:
        for member in [one for one in group.members if one.state == WAITING]:
            for hook, action in list(member.waits_for.items()):
                if self.clock() >= action.deadline:
                    self.complete(group, member, hook, action.default_result, "Heartbeat Timeout")
        if not group.is_suspended("HealthCheck"):
            self._look_at_health(group, running)
        refresh = group.refresh()
        if refresh and not group.is_suspended("InstanceRefresh"):
            self._advance(group, refresh)
        self._size(group)
        if group.deleting and not group.members:
            self.groups.pop((group.account, group.region, group.name), None)

    # -- health --

    def _look_at_health(self, group: Group, running: set[str]) -> None:
        for member in [one for one in group.members if one.state == IN_SERVICE]:
            cause = self._problem(group, member, running)
            if cause and member.healthy:
                member.healthy = False
                refresh = group.refresh()
                if refresh and not refresh.replaces(member, group.template()):
                    refresh.failures.append(f"{member.identifier} was taken out of service: {cause}")
            if not member.healthy and not group.is_suspended("ReplaceUnhealthy"):
                reason = cause or "a user health-check"
                self.end(group, member, f"an instance was taken out of service in response to {reason}.")

    def _problem(self, group: Group, member: Member, running: set[str]) -> str:
        """Why a member is unhealthy, as scaling activities have it; empty when it is not."""
        if member.identifier not in running:
            return "an EC2 health check indicating it has been terminated or stopped"
        age = self.clock() - (member.in_service or 0.0)
        if group.settings["HealthCheckType"] == "ELB" and age >= group.settings["HealthCheckGracePeriod"]:
            for registration in group.registrations(member):
                if self._health.state(*registration) == UNHEALTHY:
                    return "an ELB system health check failure"
        return ""

    def _is_ready(self, group: Group, member: Member) -> bool:
        """Whether a member can be counted on: in service, healthy in its load balancers, and warm.

        "Amazon EC2 Auto Scaling waits until the instance passes a health check and completes warm-up" (Replacing
        Auto Scaling instances based on an instance refresh).
        """
        if member.state != IN_SERVICE or not member.healthy:
            return False
        if group.settings["HealthCheckType"] == "ELB" and any(
            self._health.state(*registration) != HEALTHY for registration in group.registrations(member)
        ):
            return False
        return self.clock() - (member.in_service or 0.0) >= self._warmup_seconds(group)

    def _warmup_seconds(self, group: Group) -> float:
        refresh = group.refresh()
        preferred = refresh.record["Preferences"].get("InstanceWarmup") if refresh else None
        default = group.settings.get("DefaultInstanceWarmup")
        fallback = group.settings["HealthCheckGracePeriod"] if default is None else default
        return min(float(fallback if preferred is None else preferred), _LONGEST_WARMUP_SECONDS)

    # -- size --

    def _size(self, group: Group) -> None:
        alive, wanted = group.alive(), group.desired + self._surge(group)
        # Outside of a refresh, an instance that failed its health check makes room first where the group's policy
        # leaves none for the next one ("Instance maintenance policies").
        policy = group.settings.get("InstanceMaintenancePolicy", {})
        most = max(wanted, math.floor(group.desired * policy.get("MaxHealthyPercentage", 100) / 100))
        leaving = 0 if group.refresh() else sum(one.state == TERMINATING and not one.healthy for one in group.members)
        missing = min(wanted, most - leaving) - len(alive)
        if missing > 0 and self.clock() >= group.launch_not_before and not group.is_suspended("Launch"):
            cause = (
                "an instance was started in response to a difference between desired and actual capacity, "
                f"increasing the capacity from {len(alive)} to {wanted}."
            )
            for _ in range(missing):
                self._launch(group, cause)
        elif len(alive) > wanted and not group.is_suspended("Terminate"):
            for member in self._surplus(group, len(alive) - wanted):
                cause = (
                    "an instance was taken out of service in response to a difference between desired and actual "
                    f"capacity, shrinking the capacity from {len(alive)} to {wanted}."
                )
                self.end(group, member, cause)

    def _surge(self, group: Group) -> int:
        """How many instances more than wanted a refresh may have."""
        refresh = group.refresh()
        if refresh is None or refresh.record["Status"] in ("Pending", "Cancelling"):
            return 0
        preferences = refresh.record["Preferences"]
        outdated = sum(refresh.replaces(member, self._own_template(group)) for member in group.alive())
        allowed: int = math.floor(group.desired * preferences["MaxHealthyPercentage"] / 100) - group.desired
        # With 100 % healthy at least, nothing could ever be replaced without one more.
        least = 1 if preferences["MinHealthyPercentage"] == 100 else 0
        return min(max(allowed, least), outdated)

    @staticmethod
    def _own_template(group: Group) -> Json:
        return resolve_template(group.settings["LaunchTemplate"])[1]

    def _surplus(self, group: Group, count: int) -> list[Member]:
        """Which members go when there are too many: "Default termination policy"."""
        current = group.template()
        candidates = [member for member in group.alive() if group.deleting or not member.protected]
        chosen: list[Member] = []
        while candidates and len(chosen) < count:
            zones = Counter(member.zone for member in candidates)
            first = min(candidates, key=lambda one: (one.template == current, -zones[one.zone], one.launched))
            candidates.remove(first)
            chosen.append(first)
        return chosen

    def _launch(self, group: Group, cause: str) -> None:
        activity = group.record_activity("Launching a new EC2 instance", cause)
        try:
            template = group.template()
            data, _ = resolve_template(template)
        except TemplateError as error:
            self._launch_failed(group, activity, f"You must use a valid fully-formed launch template. {error}")
            return
        zones = Counter(member.zone for member in group.alive())
        # Those that stay are spread: the others of a refresh go, and could leave two of them in one zone.
        staying = Counter(member.zone for member in group.alive() if member.template == template)
        subnets = {subnet: ec2._subnets.get(subnet, {}).get("AvailabilityZone", "") for subnet in group.subnets()}
        subnet = min(subnets, key=lambda one: (staying[subnets[one]], zones[subnets[one]]))
        member = Member(
            template,
            subnet,
            subnets[subnet],
            self.clock(),
            group.settings["NewInstancesProtectedFromScaleIn"],
        )
        member.activity = activity
        group.members.append(member)

        def run() -> None:
            with request_scope(group.account, group.region):
                try:
                    instance = self._instances.launch(data, subnet, _instance_tags(group, data, template))
                except LaunchError as error:
                    with group.lock:
                        group.members.remove(member)
                        self._launch_failed(group, activity, f"{error} Launching EC2 instance failed.")
                    return
                with group.lock:
                    member.instance = instance
                    activity["Description"] = f"Launching a new EC2 instance: {member.identifier}"
                    if group.hooks:
                        member.state = WAITING
                        member.waits_for = {
                            name: LifecycleAction(
                                new_uuid(), self.clock() + hook["HeartbeatTimeout"], str(hook["DefaultResult"])
                            )
                            for name, hook in group.hooks.items()
                        }
                        activity.update(StatusCode="MidLifecycleAction", Progress=60)
                    else:
                        self._put_into_service(group, member)

        spawn_background(run, thread_name=f"auto-scaling-launch-{group.name}")

    def _put_into_service(self, group: Group, member: Member) -> None:
        member.state, member.in_service = IN_SERVICE, self.clock()
        if not group.is_suspended("AddToLoadBalancer"):
            for arn, target, port in group.registrations(member):
                register(arn, target, port)
        end_activity(member.activity)

    def complete(self, group: Group, member: Member, hook: str, result: str, why: str) -> None:
        """Complete a lifecycle action: the instance goes into service after the last one, or goes.

        Args:
            group: of the instance.
            member: the instance.
            hook: name of the lifecycle hook.
            result: `CONTINUE` or `ABANDON`.
            why: what abandoned it, where it is.
        """
        action = member.waits_for.pop(hook)
        if result == "ABANDON":
            problem = (
                "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token "
                f"{action.token} was abandoned: {why}"
            )
            end_activity(member.activity, problem, "Cancelled")
            refresh = group.refresh()
            if refresh and not refresh.replaces(member, group.template()):
                refresh.failures.append(problem)
            self.end(group, member, "an instance was taken out of service in response to a launch failure.")
        elif not member.waits_for:
            self._put_into_service(group, member)

    def _launch_failed(self, group: Group, activity: Json, problem: str) -> None:
        end_activity(activity, problem)
        group.launch_not_before = self.clock() + _LAUNCH_RETRY_SECONDS
        refresh = group.refresh()
        if refresh:
            refresh.failures.append(problem)

    def end(self, group: Group, member: Member, cause: str) -> Json:
        """Take a member out of its load balancers, wait for its requests, and terminate it.

        Returns:
            The scaling activity.
        """
        activity = group.record_activity(f"Terminating EC2 instance: {member.identifier}", cause)
        member.state = TERMINATING
        member.waits_for.clear()
        registrations = list(group.registrations(member))
        for arn, target, port in registrations:
            deregister(arn, target, port)

        def run() -> None:
            with request_scope(group.account, group.region):
                try:
                    for arn, target, port in registrations:
                        self._health.drain(arn, target, port, deregistration_delay_seconds(arn))
                    if member.instance:
                        self._instances.terminate(member.instance)
                finally:
                    with group.lock:
                        group.members.remove(member)
                        end_activity(activity)

        spawn_background(run, thread_name=f"auto-scaling-end-{member.identifier}")
        return activity

    # -- instance refresh --

    def _advance(self, group: Group, refresh: Refresh) -> None:
        record = refresh.record
        if record["Status"] == "Cancelling":
            refresh.end("Cancelled", "Cancelled due to user request.")
            return
        if record["Status"] == "Pending":
            record["Status"] = "InProgress"
        own = self._own_template(group)
        outdated = [member for member in group.alive() if refresh.replaces(member, own)]
        fresh = [member for member in group.alive() if member not in outdated]
        ready = [member for member in fresh if self._is_ready(group, member)]
        self._show_progress(group, refresh, len(ready), len(outdated))
        problem = self._failure(refresh)
        if problem:
            self._fail(group, refresh, problem)
        elif not outdated and len(ready) >= group.desired:
            self._succeed(group, refresh)
        elif not group.is_suspended("Terminate"):
            serving = [one for one in outdated if one.state == IN_SERVICE and one.healthy]
            spare = len(ready) + len(serving) - self._least(group, record["Preferences"])
            serving.sort(key=lambda one: (-Counter(other.zone for other in serving)[one.zone], one.launched))
            for member in serving[: max(spare, 0)]:
                self.end(group, member, "an instance was taken out of service in response to an instance refresh.")

    @staticmethod
    def _least(group: Group, preferences: Json) -> int:
        least: int = math.ceil(group.desired * preferences["MinHealthyPercentage"] / 100)
        # Rounding must not keep a refresh from replacing anything.
        return least if preferences["MinHealthyPercentage"] == 100 else min(least, group.desired - 1)

    @staticmethod
    def _show_progress(group: Group, refresh: Refresh, ready: int, outdated: int) -> None:
        share = 100 if not group.desired else min(100, 100 * ready // group.desired)
        back = refresh.rolled_back is not None
        refresh.record |= {
            "PercentageComplete": min(refresh.record["PercentageComplete"], 100 - share) if back else share,
            "InstancesToUpdate": outdated if back else max(group.desired - ready, 0),
        }

    @staticmethod
    def _failure(refresh: Refresh) -> str:
        """Why a refresh has failed; empty while it has not."""
        watched = refresh.record["Preferences"].get("AlarmSpecification", {}).get("Alarms", [])
        for name in watched if refresh.rolled_back is None else []:
            if cloudwatch._alarms.get(name, {}).get("StateValue") == "ALARM":
                return f"The alarm {name} went into the ALARM state."
        if len(refresh.failures) >= _REFRESH_FAILURES:
            return f"New instances fail: {refresh.failures[-1]}."
        return ""

    def _fail(self, group: Group, refresh: Refresh, problem: str) -> None:
        if refresh.rolled_back is not None:
            refresh.end("RollbackFailed", problem)
        elif refresh.record["Preferences"].get("AutoRollback"):
            refresh.roll_back(f"Automatic rollback: {problem}", self.clock())
            group.launch_not_before = 0.0
        else:
            refresh.end("Failed", problem)

    @staticmethod
    def _succeed(group: Group, refresh: Refresh) -> None:
        if refresh.rolled_back is not None:
            refresh.end("RollbackSuccessful", refresh.record["RollbackDetails"]["RollbackReason"])
            return
        if refresh.template:
            group.settings["LaunchTemplate"] = refresh.template
        refresh.end("Successful", "")


def register(group_arn: str, target: str, port: int) -> None:
    """RegisterTargets of one."""
    alb._register_targets(_target(group_arn, target, port))


def deregister(group_arn: str, target: str, port: int) -> None:
    """DeregisterTargets of one."""
    alb._deregister_targets(_target(group_arn, target, port))


def _target(group_arn: str, target: str, port: int) -> Json:
    return {"TargetGroupArn": group_arn, "Targets.member.1.Id": target, "Targets.member.1.Port": str(port)}


def _instance_tags(group: Group, data: Json, template: Json) -> list[Json]:
    """Tags of an instance: those of the launch template, the group's that propagate, and AWS's own."""
    tags = {
        tag["Key"]: tag["Value"]
        for specification in data.get("TagSpecifications", [])
        if specification["ResourceType"] == "instance"
        for tag in specification["Tags"]
    }
    tags |= {tag["Key"]: tag["Value"] for tag in group.settings["Tags"] if tag["PropagateAtLaunch"]}
    tags |= {
        "aws:autoscaling:groupName": group.name,
        "aws:ec2launchtemplate:id": template["LaunchTemplateId"],
        "aws:ec2launchtemplate:version": template["Version"],
    }
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _timestamp() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
