"""Access logs of load balancers: refused where the bucket's policy does not let Elastic Load Balancing write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.core.responses import get_account_id, get_region
from ministack.services import alb, s3

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, dict[str, Any], bytes]

# "Enable access logs for your Application Load Balancer" in the Application Load Balancers user guide.
_SERVICE = "logdelivery.elasticloadbalancing.amazonaws.com"


def modify(original: Function, _: Parts) -> Function:
    def modify(params: Json) -> Response:
        current = alb._lb_attrs.get(alb._p(params, "LoadBalancerArn")) or []
        attributes = {one["Key"]: one["Value"] for one in current} | _given(params)
        bucket = attributes.get("access_logs.s3.bucket", "")
        if attributes.get("access_logs.s3.enabled") == "true" and not _may_write(
            bucket, attributes.get("access_logs.s3.prefix", "")
        ):
            message = f"Access Denied for bucket: {bucket}. Please check S3bucket permission"
            refused: Response = alb._error("InvalidConfigurationRequest", message)
            return refused
        answer: Response = original(params)
        return answer

    return modify


def _given(params: Json) -> dict[str, str]:
    given: dict[str, str] = {}
    while key := alb._p(params, f"Attributes.member.{len(given) + 1}.Key"):
        given[key] = alb._p(params, f"Attributes.member.{len(given) + 1}.Value")
    return given


def _may_write(bucket: str, prefix: str) -> bool:
    account = get_account_id()
    path = f"{prefix}/AWSLogs" if prefix else "AWSLogs"
    resource = f"arn:aws:s3:::{bucket}/{path}/{account}/ELBAccessLogTestFile"
    policy, _ = s3.bucket_policy_for_arn(resource) or ("", "")
    request = EvalContext(
        principal_arn=_SERVICE,
        principal_type="Service",
        principal_account="",
        action="s3:PutObject",
        resource_arn=resource,
        region=get_region(),
        secure_transport=True,
    )
    return bool(evaluate_resource_policy(policy, request, service=_SERVICE).decision == "Allow")
