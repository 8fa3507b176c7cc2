"""Application Auto Scaling for ECS services: targets, policies, alarms, and a desired count that moves.

Source of the shapes and rules: the Application Auto Scaling API reference and, for the alarms of a
target tracking policy, "Target tracking scaling policies" in its user guide.
"""

from __future__ import annotations

import hashlib
import logging
import time
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region, new_uuid
from ministack.services import cloudwatch, ecs

from slipway_emulator.cloudwatch import target_tracking
from slipway_emulator.protocols.json import ApiError, JsonService, page

_PREDEFINED_METRICS = {
    "ECSServiceAverageCPUUtilization": "CPUUtilization",
    "ECSServiceAverageMemoryUtilization": "MemoryUtilization",
}
_PAGE = 50
_SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")

_logger = logging.getLogger(__name__)

Json = dict[str, Any]


class ApplicationAutoScaling(JsonService):
    """The service: its records and its operations."""

    def __init__(self) -> None:
        super().__init__("application-autoscaling", "ValidationException")
        self._targets = AccountRegionScopedDict()
        self._policies = AccountRegionScopedDict()
        self._tags = AccountRegionScopedDict()
        self._activities = AccountRegionScopedDict()

    # -- scalable targets --

    def _RegisterScalableTarget(self, request: Json) -> Json:
        key = _key(request)
        service = _service(request)
        target = self._targets.get(key)
        if target is None:
            for name in ("MinCapacity", "MaxCapacity"):
                if name not in request:
                    raise ApiError("ValidationException", f"{name} is required to register a new target")
            identifier = hashlib.sha256("|".join(key).encode()).hexdigest()[:25]
            target = {
                "ServiceNamespace": request["ServiceNamespace"],
                "ResourceId": request["ResourceId"],
                "ScalableDimension": request["ScalableDimension"],
                "RoleARN": request.get("RoleARN") or _service_linked_role(),
                "CreationTime": time.time(),
                "SuspendedState": dict.fromkeys(_SUSPENSIONS, False),
                "ScalableTargetARN": _arn("application-autoscaling", f"scalable-target/{identifier}"),
            }
        changed = target | {k: request[k] for k in ("MinCapacity", "MaxCapacity") if k in request}
        changed["SuspendedState"] = target["SuspendedState"] | request.get("SuspendedState", {})
        if changed["MinCapacity"] < 0:
            raise ApiError("ValidationException", "MinCapacity cannot be negative")
        if changed["MinCapacity"] > changed["MaxCapacity"]:
            raise ApiError("ValidationException", "MinCapacity cannot be larger than MaxCapacity")
        self._targets[key] = changed
        if request.get("Tags"):
            self._tags.setdefault(changed["ScalableTargetARN"], {}).update(request["Tags"])
        desired = service["desiredCount"]
        bounded = min(max(desired, changed["MinCapacity"]), changed["MaxCapacity"])
        if bounded != desired:
            self._set_desired_count(changed, bounded, "minimum or maximum capacity changed")
        return {"ScalableTargetARN": changed["ScalableTargetARN"]}

    def _DescribeScalableTargets(self, request: Json) -> Json:
        wanted = request.get("ResourceIds")
        found = [
            target
            for target in self._targets.values()
            if target["ServiceNamespace"] == request["ServiceNamespace"]
            and (not wanted or target["ResourceId"] in wanted)
            and request.get("ScalableDimension") in (None, target["ScalableDimension"])
        ]
        return _page("ScalableTargets", found, request)

    def _DeregisterScalableTarget(self, request: Json) -> Json:
        target = self._target(request)
        for policy in [p for p in self._policies.values() if _key(p) == _key(request)]:
            self._DeleteScalingPolicy(policy)
        self._tags.pop(target["ScalableTargetARN"], None)
        del self._targets[_key(request)]
        return {}

    # -- scaling policies --

    def _PutScalingPolicy(self, request: Json) -> Json:
        self._target(request)
        key = (*_key(request), request["PolicyName"])
        existing = self._policies.get(key)
        kind = request.get("PolicyType") or (existing or {}).get("PolicyType")
        configuration = request.get("TargetTrackingScalingPolicyConfiguration")
        if kind != "TargetTrackingScaling" or not configuration:
            raise ApiError(
                "ValidationException",
                "the rehearsal knows PolicyType TargetTrackingScaling with its configuration only",
            )
        policy_id = existing["PolicyARN"].split("scalingPolicy:")[1].split(":")[0] if existing else new_uuid()
        resource = f"{policy_id}:resource/{request['ServiceNamespace']}/{request['ResourceId']}"
        policy = {
            "PolicyARN": _arn("autoscaling", f"scalingPolicy:{resource}:policyName/{request['PolicyName']}"),
            "PolicyName": request["PolicyName"],
            "ServiceNamespace": request["ServiceNamespace"],
            "ResourceId": request["ResourceId"],
            "ScalableDimension": request["ScalableDimension"],
            "PolicyType": kind,
            "TargetTrackingScalingPolicyConfiguration": configuration,
            "CreationTime": existing["CreationTime"] if existing else time.time(),
        }
        policy["Alarms"] = self._put_alarms(policy)
        self._policies[key] = policy
        return {"PolicyARN": policy["PolicyARN"], "Alarms": policy["Alarms"]}

    def _DescribeScalingPolicies(self, request: Json) -> Json:
        found = [
            policy
            for policy in self._policies.values()
            if policy["ServiceNamespace"] == request["ServiceNamespace"]
            and request.get("ResourceId") in (None, policy["ResourceId"])
            and request.get("ScalableDimension") in (None, policy["ScalableDimension"])
            and (not request.get("PolicyNames") or policy["PolicyName"] in request["PolicyNames"])
        ]
        return _page("ScalingPolicies", found, request)

    def _DeleteScalingPolicy(self, request: Json) -> Json:
        key = (*_key(request), request["PolicyName"])
        policy = self._policies.get(key)
        if policy is None:
            raise ApiError(
                "ObjectNotFoundException",
                f"No scaling policy found for service namespace: {request['ServiceNamespace']}, "
                f"resource ID: {request['ResourceId']}, scalable dimension: {request['ScalableDimension']}",
            )
        for alarm in policy["Alarms"]:
            cloudwatch._alarms.pop(alarm["AlarmName"], None)
        del self._policies[key]
        return {}

    def _DescribeScalingActivities(self, request: Json) -> Json:
        found = [
            activity
            for activity in self._activities.values()
            if activity["ServiceNamespace"] == request["ServiceNamespace"]
            and request.get("ResourceId") in (None, activity["ResourceId"])
        ]
        found.sort(key=lambda activity: float(activity["StartTime"]), reverse=True)
        return _page("ScalingActivities", found, request)

    # -- tags --

    def _TagResource(self, request: Json) -> Json:
        self._tags.setdefault(self._taggable(request), {}).update(request["Tags"])
        return {}

    def _UntagResource(self, request: Json) -> Json:
        tags = self._tags.get(self._taggable(request), {})
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _ListTagsForResource(self, request: Json) -> Json:
        return {"Tags": self._tags.get(self._taggable(request), {})}

    # -- scaling --

    def alarm_changed(self, alarm: Json, state: str) -> None:
        """Scale by one task when an alarm of a policy goes off, within the target's bounds.

        Args:
            alarm: the CloudWatch alarm.
            state: its new state; only `ALARM` scales.
        """
        if state != "ALARM":
            return
        with self._lock:
            policies = {policy["PolicyARN"]: policy for policy in self._policies.values()}
            for policy in [policies[action] for action in alarm.get("AlarmActions", []) if action in policies]:
                try:
                    self._scale(policy, alarm["AlarmName"])
                except ApiError as error:
                    # The service is gone; whoever set the alarm's state has nothing to do with that.
                    _logger.warning("policy %s cannot scale: %s", policy["PolicyName"], error)

    def _scale(self, policy: Json, alarm_name: str) -> None:
        target = self._targets[_key(policy)]
        out = target_tracking.scales_out(alarm_name)
        direction = "DynamicScalingOutSuspended" if out else "DynamicScalingInSuspended"
        in_disabled = policy["TargetTrackingScalingPolicyConfiguration"].get("DisableScaleIn", False)
        if target["SuspendedState"][direction] or (in_disabled and not out):
            return
        current = _service(target)["desiredCount"]
        wanted = min(max(current + (1 if out else -1), target["MinCapacity"]), target["MaxCapacity"])
        if wanted != current:
            cause = f"monitor alarm {alarm_name} in state ALARM triggered policy {policy['PolicyName']}"
            self._set_desired_count(target, wanted, cause)

    def _set_desired_count(self, target: Json, count: int, cause: str) -> None:
        _, cluster, service = target["ResourceId"].split("/")
        started = time.time()
        status, _, body = ecs._update_service({"cluster": cluster, "service": service, "desiredCount": count})
        identifier = new_uuid()
        self._activities[identifier] = {
            "ActivityId": identifier,
            "ServiceNamespace": target["ServiceNamespace"],
            "ResourceId": target["ResourceId"],
            "ScalableDimension": target["ScalableDimension"],
            "Description": f"Setting desired count to {count}.",
            "Cause": cause,
            "StartTime": started,
            "EndTime": time.time(),
            "StatusCode": "Successful" if status == 200 else "Failed",
            "StatusMessage": (
                f"Successfully set desired count to {count}. Change successfully fulfilled by ecs."
                if status == 200
                else body.decode()
            ),
        }

    def _put_alarms(self, policy: Json) -> list[Json]:
        configuration = policy["TargetTrackingScalingPolicyConfiguration"]
        target = float(configuration["TargetValue"])
        metric = (configuration.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
        if metric not in _PREDEFINED_METRICS:
            allowed = ", ".join(_PREDEFINED_METRICS)
            raise ApiError("ValidationException", f"the rehearsal knows these metrics only: {allowed}")
        problem = target_tracking.problem(target)
        if problem:
            raise ApiError("ValidationException", problem)
        _, cluster, service = policy["ResourceId"].split("/")
        return target_tracking.put_alarms(
            policy["PolicyARN"],
            policy["ResourceId"],
            target,
            {
                "Namespace": "AWS/ECS",
                "MetricName": _PREDEFINED_METRICS[metric],
                "Dimensions": [
                    {"Name": "ClusterName", "Value": cluster},
                    {"Name": "ServiceName", "Value": service},
                ],
            },
        )

    # -- look-ups --

    def _target(self, request: Json) -> Json:
        target: Json | None = self._targets.get(_key(request))
        if target is None:
            raise ApiError(
                "ObjectNotFoundException",
                f"No scalable target found for service namespace: {request['ServiceNamespace']}, "
                f"resource ID: {request['ResourceId']}, scalable dimension: {request['ScalableDimension']}",
            )
        return target

    def _taggable(self, request: Json) -> str:
        arn = str(request["ResourceARN"])
        if arn not in {target["ScalableTargetARN"] for target in self._targets.values()}:
            raise ApiError("ResourceNotFoundException", f"The specified resource doesn't exist: {arn}")
        return arn


def _key(record: Json) -> tuple[str, str, str]:
    return record["ServiceNamespace"], record["ResourceId"], record["ScalableDimension"]


def _service(record: Json) -> Json:
    """The ECS service a target names."""
    if (record["ServiceNamespace"], record["ScalableDimension"]) != ("ecs", "ecs:service:DesiredCount"):
        raise ApiError("ValidationException", "the rehearsal scales ecs by ecs:service:DesiredCount only")
    kind, _, name = record["ResourceId"].partition("/")
    service: Json | None = ecs._services.get(name) if kind == "service" else None
    if service is None or service["status"] != "ACTIVE":
        raise ApiError("ValidationException", f"ECS service doesn't exist: {record['ResourceId']}")
    return service


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{resource}"


def _service_linked_role() -> str:
    path = "aws-service-role/ecs.application-autoscaling.amazonaws.com"
    return f"arn:aws:iam::{get_account_id()}:role/{path}/AWSServiceRoleForApplicationAutoScaling_ECSService"


def _page(name: str, records: list[Json], request: Json) -> Json:
    size = request.get("MaxResults", _PAGE)
    if not 1 <= size <= _PAGE:
        raise ApiError("ValidationException", f"MaxResults must be between 1 and {_PAGE}")
    return page(name, records, request, _PAGE, "InvalidNextTokenException")
