"""Amazon EC2 Auto Scaling's API: groups, policies, activities and instance refreshes, on groups that really work.

Source of shapes, rules and messages: the Amazon EC2 Auto Scaling API reference. MiniStack keeps records of groups
and calls each refresh successful at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region, new_uuid
from ministack.services import alb, cloudwatch, ec2

from slipway_emulator.autoscaling.groups import (
    IN_SERVICE,
    TERMINATING,
    Group,
    GroupReconciler,
    Member,
    Refresh,
    deregister,
    register,
)
from slipway_emulator.cloudwatch import target_tracking
from slipway_emulator.ec2.instances import Instances, LaunchError
from slipway_emulator.ec2.launch_templates import TemplateError, resolve_template
from slipway_emulator.protocols.json import ApiError, page
from slipway_emulator.protocols.query import QueryService, Response

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

_PROCESSES = (
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "Launch",
    "ReplaceUnhealthy",
    "ScheduledActions",
    "Terminate",
)
_METRICS = (
    "GroupDesiredCapacity",
    "GroupInServiceInstances",
    "GroupMaxSize",
    "GroupMinSize",
    "GroupPendingInstances",
    "GroupStandbyInstances",
    "GroupTerminatingInstances",
    "GroupTotalInstances",
)
_TRACKED = {
    "ASGAverageCPUUtilization": "CPUUtilization",
    "ASGAverageNetworkIn": "NetworkIn",
    "ASGAverageNetworkOut": "NetworkOut",
}
# What CreateAutoScalingGroup and UpdateAutoScalingGroup take as it is.
_KEPT = (
    "CapacityRebalance",
    "Context",
    "DefaultCooldown",
    "DefaultInstanceWarmup",
    "DesiredCapacityType",
    "HealthCheckGracePeriod",
    "InstanceMaintenancePolicy",
    "MaxInstanceLifetime",
    "MaxSize",
    "MinSize",
    "NewInstancesProtectedFromScaleIn",
    "ServiceLinkedRoleARN",
    "TerminationPolicies",
)
_UNKNOWN = ("InstanceId", "LaunchConfigurationName", "LifecycleHookSpecificationList", "MixedInstancesPolicy")
_LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
# Nobody is notified here: instances answer by themselves.
_UNKNOWN_OF_HOOKS = ("NotificationMetadata", "NotificationTargetARN", "RoleARN")
# "PutLifecycleHook": the heartbeat timeout; a hook waits for 100 of them at most, or for 48 hours.
_HEARTBEAT_SECONDS, _LONGEST_WAIT_SECONDS = 3600, 172800
_UNKNOWN_PREFERENCES = ("BakeTime", "CheckpointDelay", "CheckpointPercentages")
# What groups are filtered by, and what tags are, with the tag's member ("Filter").
_GROUP_FILTERS = ("tag-key", "tag-value", "tag:<key>")
_TAG_FILTERS = {
    "auto-scaling-group": "ResourceId",
    "key": "Key",
    "value": "Value",
    "propagate-at-launch": "PropagateAtLaunch",
}
_PAGE, _LARGEST_PAGE = 50, 100

Json = dict[str, Any]
Function = Callable[..., Any]


class AutoScaling(QueryService):
    """The service: its operations.

    Args:
        reconciler: keeps the groups.
        instances: looks at launch requests.
    """

    def __init__(self, reconciler: GroupReconciler, instances: Instances) -> None:
        super().__init__("autoscaling")
        self._reconciler = reconciler
        self._instances = instances
        self._policies = AccountRegionScopedDict()

    # -- groups --

    def _CreateAutoScalingGroup(self, request: Json) -> None:
        name = request["AutoScalingGroupName"]
        if self._find(name):
            raise ApiError(
                "AlreadyExists",
                f"AutoScalingGroup by this name already exists - A group with the name {name} already exists",
            )
        if "LaunchTemplate" not in request and not any(member in request for member in _UNKNOWN):
            raise ApiError(
                "ValidationError",
                "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or "
                "MixedInstancesPolicy parameter.",
            )
        arn = f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:autoScalingGroup:{new_uuid()}"
        settings: Json = {
            "AutoScalingGroupName": name,
            "AutoScalingGroupARN": f"{arn}:autoScalingGroupName/{name}",
            "CapacityRebalance": False,
            "CreatedTime": time.time(),
            "DefaultCooldown": 300,
            "EnabledMetrics": [],
            "HealthCheckGracePeriod": 0,
            "HealthCheckType": "EC2",
            "NewInstancesProtectedFromScaleIn": False,
            "ServiceLinkedRoleARN": (
                f"arn:aws:iam::{get_account_id()}:role/aws-service-role/autoscaling.amazonaws.com/"
                "AWSServiceRoleForAutoScaling"
            ),
            "SuspendedProcesses": [],
            "Tags": [],
            "TargetGroupARNs": [],
            "TerminationPolicies": ["Default"],
            "VPCZoneIdentifier": "",
            "DesiredCapacity": request["MinSize"],
        }
        group = Group(settings, get_account_id(), get_region())
        group.settings = self._changed(group, request)
        sources = [source["Identifier"] for source in request.get("TrafficSources", [])]
        self._check_target_groups(request.get("TargetGroupARNs", []) + sources)
        group.settings["TargetGroupARNs"] = request.get("TargetGroupARNs", []) + sources
        self._tag(group, request.get("Tags", []))
        self._reconciler.groups[group.account, group.region, name] = group

    def _UpdateAutoScalingGroup(self, request: Json) -> None:
        group = self._group(request)
        with group.lock:
            group.settings |= self._changed(group, request)

    def _changed(self, group: Group, request: Json) -> Json:
        """A group's settings with what a request changes.

        Raises:
            ApiError: the request is wrong, and nothing was changed.
        """
        for member in _UNKNOWN:
            if member in request:
                raise ApiError("ValidationError", f"The rehearsal does not know {member}; use LaunchTemplate.")
        settings = group.settings | {member: request[member] for member in _KEPT if member in request}
        kind = str(request.get("HealthCheckType", settings["HealthCheckType"]))
        if not set(kind.split(",")) <= {"EC2", "ELB"}:
            raise ApiError("ValidationError", f"Invalid HealthCheckType: {kind}")
        settings["HealthCheckType"] = "ELB" if "ELB" in kind.split(",") else "EC2"
        if settings["MinSize"] < 0:
            raise ApiError(
                "ValidationError",
                f"1 validation error detected: Value '{settings['MinSize']}' at 'minSize' failed to satisfy "
                "constraint: Member must have value greater than or equal to 0",
            )
        if settings["MinSize"] > settings["MaxSize"]:
            raise ApiError(
                "ValidationError",
                "Max bound, {MaxSize}, must be greater than or equal to min bound, {MinSize}".format(**settings),
            )
        desired = request.get("DesiredCapacity")
        if desired is None:
            desired = min(max(settings["DesiredCapacity"], settings["MinSize"]), settings["MaxSize"])
        self._check_desired(desired, settings)
        settings["DesiredCapacity"] = desired
        subnets = str(request.get("VPCZoneIdentifier", settings["VPCZoneIdentifier"])).replace(" ", "")
        if not subnets:
            raise ApiError("ValidationError", "At least one Availability Zone or VPC Subnet is required.")
        for subnet in subnets.split(","):
            if subnet not in ec2._subnets:
                raise ApiError("ValidationError", f"The subnet ID '{subnet}' does not exist")
        settings["VPCZoneIdentifier"] = subnets
        zones = {ec2._subnets[subnet]["AvailabilityZone"] for subnet in subnets.split(",")}
        settings["AvailabilityZones"] = sorted(zones)
        if "LaunchTemplate" in request:
            settings["LaunchTemplate"] = self._template(request["LaunchTemplate"], subnets.split(",")[0])
        return settings

    def _template(self, specification: Json, subnet: str) -> Json:
        """A launch template specification as groups keep it, after a look at what it would launch."""
        if ("LaunchTemplateId" in specification) == ("LaunchTemplateName" in specification):
            raise ApiError(
                "ValidationError",
                "Valid requests must contain either launchTemplateId or LaunchTemplateName",
            )
        try:
            data, resolved = resolve_template(specification)
            self._instances.check(data, subnet)
        except (TemplateError, LaunchError) as error:
            raise ApiError("ValidationError", f"You must use a valid fully-formed launch template. {error}") from None
        # Groups keep $Latest and $Default as they are.
        return resolved | {"Version": specification.get("Version") or "$Default"}

    def _DescribeAutoScalingGroups(self, request: Json) -> Json:
        names, filters = request.get("AutoScalingGroupNames"), _filters(request, _GROUP_FILTERS)
        found = [
            group
            for group in self._groups()
            if (not names or group.name in names) and all(_passes(group, *condition) for condition in filters)
        ]
        return _page("AutoScalingGroups", [_description(group) for group in found], request)

    def _DescribeAutoScalingInstances(self, request: Json) -> Json:
        wanted = request.get("InstanceIds")
        found = [
            _instance(member) | {"AutoScalingGroupName": group.name}
            for group in self._groups()
            for member in group.members
            if member.instance and (not wanted or member.identifier in wanted)
        ]
        for instance in found:
            # This operation has the status in capitals, the other has not.
            instance["HealthStatus"] = instance["HealthStatus"].upper()
        return _page("AutoScalingInstances", found, request)

    def _DeleteAutoScalingGroup(self, request: Json) -> None:
        group = self._group(request)
        with group.lock:
            if not request.get("ForceDelete"):
                if group.alive():
                    raise ApiError(
                        "ResourceInUse",
                        "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance "
                        "request(s) still in the group.",
                    )
                if group.members:
                    raise ApiError(
                        "ScalingActivityInProgress",
                        "You cannot delete an AutoScalingGroup while there are scaling activities in progress for "
                        "that group.",
                    )
            for policy in self._policies_of(group):
                self._DeletePolicy(policy)
            group.deleting = True
            group.settings["Status"] = "Delete in progress"
            for refresh in group.refreshes:
                if refresh.is_active:
                    refresh.end("Cancelled", "The group is being deleted.")
            if not group.members:
                self._reconciler.groups.pop((group.account, group.region, group.name), None)

    def _SetDesiredCapacity(self, request: Json) -> None:
        group = self._group(request)
        with group.lock:
            self._check_desired(request["DesiredCapacity"], group.settings)
            group.settings["DesiredCapacity"] = request["DesiredCapacity"]

    @staticmethod
    def _check_desired(desired: int, settings: Json) -> None:
        if desired > settings["MaxSize"]:
            raise ApiError(
                "ValidationError",
                f"New SetDesiredCapacity value {desired} is above max value {settings['MaxSize']} for the "
                "AutoScalingGroup.",
            )
        if desired < settings["MinSize"]:
            raise ApiError(
                "ValidationError",
                f"New SetDesiredCapacity value {desired} is below min value {settings['MinSize']} for the "
                "AutoScalingGroup.",
            )

    # -- instances --

    def _TerminateInstanceInAutoScalingGroup(self, request: Json) -> Json:
        group, member = self._member(request["InstanceId"])
        with group.lock:
            if request["ShouldDecrementDesiredCapacity"]:
                self._check_desired(group.settings["DesiredCapacity"] - 1, group.settings)
                group.settings["DesiredCapacity"] -= 1
            if member.state == TERMINATING:
                raise ApiError("ScalingActivityInProgress", f"{member.identifier} is being terminated already.")
            cause = "instance was taken out of service in response to a user request."
            return {"Activity": self._reconciler.end(group, member, cause)}

    def _SetInstanceHealth(self, request: Json) -> None:
        if request["HealthStatus"] not in ("Healthy", "Unhealthy"):
            raise ApiError("ValidationError", f"Health status {request['HealthStatus']} is not Healthy or Unhealthy")
        group, member = self._member(request["InstanceId"])
        with group.lock:
            age = self._reconciler.clock() - (member.in_service or 0.0)
            in_grace = age < group.settings["HealthCheckGracePeriod"]
            if not (in_grace and request.get("ShouldRespectGracePeriod", True)):
                member.healthy = request["HealthStatus"] == "Healthy"

    def _SetInstanceProtection(self, request: Json) -> None:
        group = self._group(request)
        for identifier in request["InstanceIds"]:
            member = next((one for one in group.members if one.identifier == identifier), None)
            if member is None:
                raise ApiError(
                    "ValidationError",
                    f"The instance {identifier} is not part of Auto Scaling group {group.name}.",
                )
            member.protected = request["ProtectedFromScaleIn"]

    def _DescribeScalingActivities(self, request: Json) -> Json:
        wanted, name = request.get("ActivityIds"), request.get("AutoScalingGroupName")
        groups = [self._group(request)] if name else self._groups()
        found = [a for group in groups for a in group.activities if not wanted or a["ActivityId"] in wanted]
        found.sort(key=lambda activity: float(activity["StartTime"]), reverse=True)
        return _page("Activities", found, request)

    # -- lifecycle hooks --

    def _PutLifecycleHook(self, request: Json) -> None:
        group, name = self._group(request), request["LifecycleHookName"]
        for member in _UNKNOWN_OF_HOOKS:
            if member in request:
                raise ApiError("ValidationError", f"The rehearsal does not know {member} of a lifecycle hook.")
        with group.lock:
            if name not in group.hooks and "LifecycleTransition" not in request:
                raise ApiError(
                    "ValidationError", "LifecycleTransition is a required parameter for a new lifecycle hook."
                )
            hook = group.hooks.get(name, {}) | request
            if hook["LifecycleTransition"] != _LAUNCHING:
                raise ApiError("ValidationError", f"The rehearsal knows the LifecycleTransition {_LAUNCHING} only.")
            result, seconds = hook.get("DefaultResult", "ABANDON"), hook.get("HeartbeatTimeout", _HEARTBEAT_SECONDS)
            if result not in ("ABANDON", "CONTINUE"):
                raise ApiError("ValidationError", f"Lifecycle action result {result} is not CONTINUE or ABANDON")
            if not 30 <= seconds <= 7200:
                raise ApiError("ValidationError", "Heartbeat Timeout must be between 30 and 7200 seconds.")
            group.hooks[name] = hook | {
                "DefaultResult": result,
                "GlobalTimeout": min(100 * seconds, _LONGEST_WAIT_SECONDS),
                "HeartbeatTimeout": seconds,
            }

    def _DescribeLifecycleHooks(self, request: Json) -> Json:
        wanted = request.get("LifecycleHookNames")
        hooks = self._group(request).hooks
        return {"LifecycleHooks": [hook for name, hook in hooks.items() if not wanted or name in wanted]}

    def _DeleteLifecycleHook(self, request: Json) -> None:
        group, name = self._group(request), request["LifecycleHookName"]
        with group.lock:
            if group.hooks.pop(name, None) is None:
                raise ApiError("ValidationError", f"No Lifecycle Hook found with name {name}")
            # "If there are any outstanding lifecycle actions, they are completed first."
            for member in [one for one in group.members if name in one.waits_for]:
                self._reconciler.complete(
                    group, member, name, member.waits_for[name].default_result, "Lifecycle Hook was deleted"
                )

    def _CompleteLifecycleAction(self, request: Json) -> None:
        group, name, result = self._group(request), request["LifecycleHookName"], request["LifecycleActionResult"]
        if result not in ("ABANDON", "CONTINUE"):
            raise ApiError("ValidationError", f"Lifecycle action result {result} is not CONTINUE or ABANDON")
        with group.lock:
            for member in group.members:
                action = member.waits_for.get(name)
                if action and (
                    member.identifier == request.get("InstanceId")
                    or action.token == request.get("LifecycleActionToken")
                ):
                    why = "Lifecycle Action Completed with ABANDON Result"
                    self._reconciler.complete(group, member, name, result, why)
                    return
        raise ApiError(
            "ValidationError", f"No active Lifecycle Action found with instance ID {request.get('InstanceId')}"
        )

    # -- instance refresh --

    def _StartInstanceRefresh(self, request: Json) -> Json:
        group = self._group(request)
        with group.lock:
            if group.refresh():
                raise ApiError(
                    "InstanceRefreshInProgress",
                    "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
                )
            desired = request.get("DesiredConfiguration")
            preferences = self._preferences(group, request.get("Preferences", {}), desired)
            template = None
            if desired:
                if "LaunchTemplate" not in desired:
                    raise ApiError(
                        "ValidationError", "The rehearsal knows LaunchTemplate in DesiredConfiguration only."
                    )
                kept = self._template(desired["LaunchTemplate"], group.subnets()[0])
                template = resolve_template(kept)[1]
            record: Json = {
                "InstanceRefreshId": new_uuid(),
                "AutoScalingGroupName": group.name,
                "Status": "Pending",
                "StartTime": time.time(),
                "PercentageComplete": 0,
                "InstancesToUpdate": len(group.alive()),
                "Preferences": preferences,
                "Strategy": request.get("Strategy", "Rolling"),
            }
            if desired:
                record["DesiredConfiguration"] = desired
            group.refreshes.insert(0, Refresh(record, template, self._reconciler.clock()))
            return {"InstanceRefreshId": record["InstanceRefreshId"]}

    @staticmethod
    def _preferences(group: Group, given: Json, desired: Json | None) -> Json:
        for member in _UNKNOWN_PREFERENCES:
            if member in given:
                raise ApiError("ValidationError", f"The rehearsal does not know the preference {member}.")
        if "MaxHealthyPercentage" in given and "MinHealthyPercentage" not in given:
            raise ApiError(
                "ValidationError",
                "You must specify MinHealthyPercentage when you specify MaxHealthyPercentage.",
            )
        preferences: Json = {
            "MinHealthyPercentage": 90,
            "MaxHealthyPercentage": 100,
            "SkipMatching": False,
            "AutoRollback": False,
            "ScaleInProtectedInstances": "Wait",
            "StandbyInstances": "Wait",
        } | given
        if preferences["MaxHealthyPercentage"] - preferences["MinHealthyPercentage"] > 100:
            raise ApiError(
                "ValidationError",
                "The difference between MinHealthyPercentage and MaxHealthyPercentage cannot be greater than 100.",
            )
        if preferences["AutoRollback"]:
            if not desired:
                raise ApiError(
                    "ValidationError",
                    "The request isn't valid. The AutoRollback parameter cannot be set to true when the "
                    "DesiredConfiguration parameter is empty. Set AutoRollback to false or specify a desired "
                    "configuration and try again.",
                )
            if group.settings["LaunchTemplate"]["Version"].startswith("$"):
                raise ApiError(
                    "ValidationError",
                    "The AutoRollback parameter cannot be set to true when the Auto Scaling group uses the launch "
                    "template's $Latest or $Default version.",
                )
        return preferences

    def _DescribeInstanceRefreshes(self, request: Json) -> Json:
        wanted = request.get("InstanceRefreshIds")
        records = [refresh.record for refresh in self._group(request).refreshes]
        found = [record for record in records if not wanted or record["InstanceRefreshId"] in wanted]
        return _page("InstanceRefreshes", found, request)

    def _CancelInstanceRefresh(self, request: Json) -> Json:
        group = self._group(request)
        with group.lock:
            refresh = self._active_refresh(group)
            refresh.record["Status"] = "Cancelling"
            return {"InstanceRefreshId": refresh.record["InstanceRefreshId"]}

    def _RollbackInstanceRefresh(self, request: Json) -> Json:
        group = self._group(request)
        with group.lock:
            refresh = self._active_refresh(group)
            if refresh.record["Status"] not in ("Pending", "InProgress"):
                raise ApiError("ActiveInstanceRefreshNotFound", f"No Instance Refresh of {group.name} goes forward")
            if not refresh.template or group.settings["LaunchTemplate"]["Version"].startswith("$"):
                raise ApiError(
                    "IrreversibleInstanceRefresh",
                    "A rollback needs a desired configuration, and a group that uses a specific launch template "
                    "version.",
                )
            refresh.roll_back("Manual rollback: requested by the user.", self._reconciler.clock())
            return {"InstanceRefreshId": refresh.record["InstanceRefreshId"]}

    @staticmethod
    def _active_refresh(group: Group) -> Refresh:
        refresh = group.refresh()
        if refresh is None:
            raise ApiError(
                "ActiveInstanceRefreshNotFound",
                f"No in progress or pending Instance Refresh found for Auto Scaling group {group.name}",
            )
        return refresh

    # -- load balancers --

    def _AttachLoadBalancerTargetGroups(self, request: Json) -> None:
        self._attach(self._group(request), request["TargetGroupARNs"])

    def _AttachTrafficSources(self, request: Json) -> None:
        self._attach(self._group(request), [source["Identifier"] for source in request["TrafficSources"]])

    def _attach(self, group: Group, arns: list[str]) -> None:
        self._check_target_groups(arns)
        with group.lock:
            current = group.settings["TargetGroupARNs"]
            group.settings["TargetGroupARNs"] = [*current, *(arn for arn in arns if arn not in current)]
            for member in [one for one in group.members if one.state == IN_SERVICE]:
                for arn, target, port in group.registrations(member):
                    register(arn, target, port)

    def _DetachLoadBalancerTargetGroups(self, request: Json) -> None:
        self._detach(self._group(request), request["TargetGroupARNs"])

    def _DetachTrafficSources(self, request: Json) -> None:
        self._detach(self._group(request), [source["Identifier"] for source in request["TrafficSources"]])

    @staticmethod
    def _detach(group: Group, arns: list[str]) -> None:
        with group.lock:
            for member in group.members:
                for arn, target, port in group.registrations(member):
                    if arn in arns:
                        deregister(arn, target, port)
            group.settings["TargetGroupARNs"] = [arn for arn in group.settings["TargetGroupARNs"] if arn not in arns]

    def _DescribeLoadBalancerTargetGroups(self, request: Json) -> Json:
        arns = self._group(request).settings["TargetGroupARNs"]
        found = [{"LoadBalancerTargetGroupARN": arn, "State": "InService"} for arn in arns]
        return _page("LoadBalancerTargetGroups", found, request)

    def _DescribeTrafficSources(self, request: Json) -> Json:
        arns = self._group(request).settings["TargetGroupARNs"]
        found = [{"TrafficSource": arn, "Identifier": arn, "Type": "elbv2", "State": "InService"} for arn in arns]
        return _page("TrafficSources", found, request)

    @staticmethod
    def _check_target_groups(arns: list[str]) -> None:
        for arn in arns:
            if arn not in alb._tgs:
                raise ApiError(
                    "ValidationError",
                    "Provided Target Groups may not be valid. Please ensure they exist and try again.",
                )
            if alb._tgs[arn].get("TargetType", "instance") != "instance":
                raise ApiError(
                    "ValidationError",
                    "Provided Target Groups have an invalid target type. Please ensure all provided Target Groups "
                    "have target type of instance.",
                )

    # -- processes and metrics --

    def _SuspendProcesses(self, request: Json) -> None:
        group = self._group(request)
        names = request.get("ScalingProcesses") or list(_PROCESSES)
        for name in names:
            if name not in _PROCESSES:
                raise ApiError("ValidationError", f"Unknown process: {name}")
        kept = [one for one in group.settings["SuspendedProcesses"] if one["ProcessName"] not in names]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        suspended = [{"ProcessName": name, "SuspensionReason": f"User suspended at {now}"} for name in names]
        group.settings["SuspendedProcesses"] = kept + suspended

    def _ResumeProcesses(self, request: Json) -> None:
        group = self._group(request)
        names = request.get("ScalingProcesses") or list(_PROCESSES)
        suspended = group.settings["SuspendedProcesses"]
        group.settings["SuspendedProcesses"] = [one for one in suspended if one["ProcessName"] not in names]

    def _EnableMetricsCollection(self, request: Json) -> None:
        group, wanted = self._group(request), request.get("Metrics") or list(_METRICS)
        enabled = {one["Metric"] for one in group.settings["EnabledMetrics"]} | set(wanted)
        group.settings["EnabledMetrics"] = [
            {"Metric": metric, "Granularity": request["Granularity"]} for metric in sorted(enabled)
        ]

    def _DisableMetricsCollection(self, request: Json) -> None:
        group, unwanted = self._group(request), request.get("Metrics") or list(_METRICS)
        enabled = group.settings["EnabledMetrics"]
        group.settings["EnabledMetrics"] = [one for one in enabled if one["Metric"] not in unwanted]

    # -- tags --

    def _CreateOrUpdateTags(self, request: Json) -> None:
        for tag in request["Tags"]:
            self._tag(self._group({"AutoScalingGroupName": tag.get("ResourceId", "")}), [tag])

    @staticmethod
    def _tag(group: Group, tags: list[Json]) -> None:
        by_key = {tag["Key"]: tag for tag in group.settings["Tags"]}
        for tag in tags:
            by_key[tag["Key"]] = {
                "ResourceId": group.name,
                "ResourceType": "auto-scaling-group",
                "Key": tag["Key"],
                "Value": tag.get("Value", ""),
                "PropagateAtLaunch": tag.get("PropagateAtLaunch", False),
            }
        group.settings["Tags"] = list(by_key.values())

    def _DeleteTags(self, request: Json) -> None:
        for tag in request["Tags"]:
            group = self._group({"AutoScalingGroupName": tag.get("ResourceId", "")})
            group.settings["Tags"] = [one for one in group.settings["Tags"] if one["Key"] != tag["Key"]]

    def _DescribeTags(self, request: Json) -> Json:
        filters = _filters(request, tuple(_TAG_FILTERS))
        found = [
            tag
            for group in self._groups()
            for tag in group.settings["Tags"]
            if all(_written(tag[_TAG_FILTERS[name]]) in values for name, values in filters)
        ]
        return _page("Tags", found, request)

    def tagged(self) -> Iterator[tuple[str, list[dict[str, str]]]]:
        """ARN and tags of every group, as the Resource Groups Tagging API lists them."""
        for group in self._groups():
            tags = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in group.settings["Tags"]]
            yield str(group.settings["AutoScalingGroupARN"]), tags

    # -- policies --

    def _PutScalingPolicy(self, request: Json) -> Json:
        group = self._group(request)
        tracking = request.get("TargetTrackingConfiguration")
        if request.get("PolicyType") != "TargetTrackingScaling" or not tracking:
            raise ApiError(
                "ValidationError",
                "The rehearsal knows PolicyType TargetTrackingScaling with its configuration only.",
            )
        metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
        if metric not in _TRACKED:
            raise ApiError("ValidationError", f"The rehearsal knows these metrics only: {', '.join(_TRACKED)}.")
        problem = target_tracking.problem(tracking["TargetValue"])
        if problem:
            raise ApiError("ValidationError", problem)
        existing = self._policies.get((group.name, request["PolicyName"]))
        identifier = f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:scalingPolicy:{new_uuid()}"
        policy = {
            "AutoScalingGroupName": group.name,
            "PolicyName": request["PolicyName"],
            "PolicyARN": existing["PolicyARN"]
            if existing
            else f"{identifier}:autoScalingGroupName/{group.name}:policyName/{request['PolicyName']}",
            "PolicyType": "TargetTrackingScaling",
            "StepAdjustments": [],
            "TargetTrackingConfiguration": {"DisableScaleIn": False} | tracking,
            "Enabled": request.get("Enabled", True),
        }
        if "EstimatedInstanceWarmup" in request:
            policy["EstimatedInstanceWarmup"] = request["EstimatedInstanceWarmup"]
        policy["Alarms"] = target_tracking.put_alarms(
            str(policy["PolicyARN"]),
            group.name,
            float(tracking["TargetValue"]),
            {
                "Namespace": "AWS/EC2",
                "MetricName": _TRACKED[metric],
                "Dimensions": [{"Name": "AutoScalingGroupName", "Value": group.name}],
            },
        )
        self._policies[group.name, request["PolicyName"]] = policy
        return {"PolicyARN": policy["PolicyARN"], "Alarms": policy["Alarms"]}

    def _policies_of(self, group: Group) -> list[Json]:
        return [policy for policy in self._policies.values() if policy["AutoScalingGroupName"] == group.name]

    def _DescribePolicies(self, request: Json) -> Json:
        names, types = request.get("PolicyNames"), request.get("PolicyTypes")
        found = [
            policy
            for policy in self._policies.values()
            if request.get("AutoScalingGroupName") in (None, policy["AutoScalingGroupName"])
            and (not names or policy["PolicyName"] in names or policy["PolicyARN"] in names)
            and (not types or policy["PolicyType"] in types)
        ]
        return _page("ScalingPolicies", found, request)

    def _DeletePolicy(self, request: Json) -> None:
        for key, policy in list(self._policies.items()):
            named = request["PolicyName"] in (policy["PolicyName"], policy["PolicyARN"])
            if named and request.get("AutoScalingGroupName") in (None, policy["AutoScalingGroupName"]):
                for alarm in policy["Alarms"]:
                    cloudwatch._alarms.pop(alarm["AlarmName"], None)
                del self._policies[key]
                return
        raise ApiError("ValidationError", "PolicyName not found")

    def alarm_changed(self, alarm: Json, state: str) -> None:
        """Scale by one instance when an alarm of a policy goes off, within the group's bounds.

        Args:
            alarm: the CloudWatch alarm.
            state: its new state; only `ALARM` scales.
        """
        policies = {policy["PolicyARN"]: policy for policy in self._policies.values() if policy["Enabled"]}
        for policy in [policies[action] for action in alarm.get("AlarmActions", []) if action in policies]:
            group = self._find(policy["AutoScalingGroupName"])
            out = target_tracking.scales_out(alarm["AlarmName"])
            in_disabled = policy["TargetTrackingConfiguration"]["DisableScaleIn"]
            if (
                state != "ALARM"
                or group is None
                or group.is_suspended("AlarmNotification")
                or (in_disabled and not out)
            ):
                continue
            with group.lock:
                settings = group.settings
                wanted = settings["DesiredCapacity"] + (1 if out else -1)
                settings["DesiredCapacity"] = min(max(wanted, settings["MinSize"]), settings["MaxSize"])

    # -- look-ups --

    def _groups(self) -> list[Group]:
        scope = get_account_id(), get_region()
        return [group for (account, region, _), group in self._reconciler.groups.items() if (account, region) == scope]

    def _find(self, name: str) -> Group | None:
        return self._reconciler.groups.get((get_account_id(), get_region(), name))

    def _group(self, request: Json) -> Group:
        name = request["AutoScalingGroupName"]
        group = self._find(name)
        if group is None:
            raise ApiError("ValidationError", f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
        return group

    def _member(self, identifier: str) -> tuple[Group, Member]:
        for group in self._groups():
            for member in group.members:
                if member.identifier == identifier:
                    return group, member
        raise ApiError(
            "ValidationError", f"Instance Id not found - No managed instance found for instance ID: {identifier}"
        )


def _description(group: Group) -> Json:
    arns = group.settings["TargetGroupARNs"]
    return group.settings | {
        "Instances": [_instance(member) for member in group.members if member.instance],
        "LoadBalancerNames": [],
        "TrafficSources": [{"Identifier": arn, "Type": "elbv2"} for arn in arns],
    }


def _instance(member: Member) -> Json:
    instance = member.instance or {}
    return {
        "InstanceId": member.identifier,
        "InstanceType": instance["InstanceType"],
        "AvailabilityZone": member.zone,
        "LifecycleState": member.state,
        "HealthStatus": "Healthy" if member.healthy else "Unhealthy",
        "LaunchTemplate": member.template,
        "ProtectedFromScaleIn": member.protected,
    }


def _filters(request: Json, known: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    """Names and values of a request's filters.

    Args:
        request: with `Filters`, or without.
        known: the names there are.

    Raises:
        ApiError: a filter has another name, or no value.
    """
    filters = []
    for one in request.get("Filters", []):
        name, values = one.get("Name", "null"), one.get("Values")
        if name not in known and not (name.startswith("tag:") and "tag:<key>" in known):
            raise ApiError(
                "ValidationError",
                f"Filter type {name} is not correct. Allowed Filter types are: {' '.join(known)}",
            )
        if not values:
            raise ApiError("ValidationError", f"The filter {name} must have a value.")
        filters.append((name, values))
    return filters


def _passes(group: Group, name: str, values: list[str]) -> bool:
    """Whether a group passes a filter of DescribeAutoScalingGroups."""
    tags = group.settings["Tags"]
    if name in ("tag-key", "tag-value"):
        return any(tag["Key" if name == "tag-key" else "Value"] in values for tag in tags)
    return any(tag["Key"] == name.removeprefix("tag:") and tag["Value"] in values for tag in tags)


def _written(value: str | bool) -> str:
    """A member of a tag as filters write it."""
    return str(value).lower() if isinstance(value, bool) else value


def _page(name: str, records: list[Json], request: Json) -> Json:
    size = request.get("MaxRecords", _PAGE)
    if not 1 <= size <= _LARGEST_PAGE:
        raise ApiError("ValidationError", f"MaxRecords must be from 1 to {_LARGEST_PAGE}; it is {size}")
    return page(name, records, request, size, "InvalidNextToken")


def handle_request(_original: Function, parts: Parts) -> Function:
    async def handle_request(_method: str, _path: str, _headers: Json, body: bytes, _query_params: Json) -> Response:
        return parts.autoscaling.answer(body)

    return handle_request
