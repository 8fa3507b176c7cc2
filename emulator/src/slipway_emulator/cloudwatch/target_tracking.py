"""The CloudWatch alarms of a target tracking policy, whatever it scales.

Source: "Target tracking scaling policies" in the user guides of Application Auto Scaling and Amazon EC2 Auto Scaling.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

from ministack.services import cloudwatch

# Out after 3 minutes above the target, in after 15 minutes below 90 % of it.
_OUT_PERIODS, _IN_PERIODS, _IN_FACTOR = 3, 15, 0.9
# "Values must be in the range of -2^360 to 2^360" (TargetTrackingScalingPolicyConfiguration).
_LARGEST_TARGET = 2.0**360

Json = dict[str, Any]


def problem(target: float) -> str:
    """What is wrong with a policy's target value; empty when nothing is."""
    if abs(target) <= _LARGEST_TARGET:
        return ""
    return f"TargetValue must be in the range of -2^360 to 2^360; it is {target}"


def put_alarms(policy_arn: str, resource: str, target: float, metric: Json) -> list[Json]:
    """Create or change the two alarms of a policy.

    Args:
        policy_arn: what the alarms set off.
        resource: what the policy scales, as alarms' names have it.
        target: the value the policy keeps the metric at, in which there is no problem.
        metric: `Namespace`, `MetricName` and `Dimensions`.

    Returns:
        Name and ARN of each alarm, as policies list them.
    """
    identity = hashlib.sha256(policy_arn.encode()).hexdigest()
    alarms = []
    for name, operator, threshold, periods in (
        ("AlarmHigh", "GreaterThanThreshold", target, _OUT_PERIODS),
        ("AlarmLow", "LessThanThreshold", math.floor(target * _IN_FACTOR * 10) / 10, _IN_PERIODS),
    ):
        alarm_name = f"TargetTracking-{resource}-{name}-{identity[:8]}-{identity[8:12]}"
        cloudwatch._put_metric_alarm(
            {},
            {
                "AlarmName": alarm_name,
                "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy_arn}.",
                "Statistic": "Average",
                "Period": 60,
                "EvaluationPeriods": periods,
                "Threshold": threshold,
                "ComparisonOperator": operator,
                "AlarmActions": [policy_arn],
            }
            | metric,
            is_cbor=False,
            is_json=True,
        )
        alarms.append({"AlarmName": alarm_name, "AlarmARN": cloudwatch._alarms[alarm_name]["AlarmArn"]})
    return alarms


def scales_out(alarm_name: str) -> bool:
    """Whether an alarm of a policy asks for more; else it asks for less."""
    return "-AlarmHigh-" in alarm_name
