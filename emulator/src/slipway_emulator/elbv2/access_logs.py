"""Access logs of load balancers: refused where the bucket's policy does not let Elastic Load Balancing write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.core.responses import get_account_id, get_region
from ministack.services import alb, s3

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, dict[str, Any], bytes]

# "Enable access logs for your Application Load Balancer" in the Application Load Balancers user guide: a policy names
# the service, or, in regions that there were before August 2022, Elastic Load Balancing's account there.
_SERVICE = "logdelivery.elasticloadbalancing.amazonaws.com"
_ACCOUNTS = {
    "af-south-1": "098369216593",
    "ap-east-1": "754344448648",
    "ap-northeast-1": "582318560864",
    "ap-northeast-2": "600734575887",
    "ap-northeast-3": "383597477331",
    "ap-south-1": "718504428378",
    "ap-southeast-1": "114774131450",
    "ap-southeast-2": "783225319266",
    "ap-southeast-3": "589379963580",
    "ca-central-1": "985666609251",
    "eu-central-1": "054676820928",
    "eu-north-1": "897822967062",
    "eu-south-1": "635631232127",
    "eu-west-1": "156460612806",
    "eu-west-2": "652711504416",
    "eu-west-3": "009996457667",
    "me-south-1": "076674570225",
    "sa-east-1": "507241528517",
    "us-east-1": "127311923021",
    "us-east-2": "033677994240",
    "us-west-1": "027434742980",
    "us-west-2": "797873946194",
}


def modify(original: Function, _: Parts) -> Function:
    def modify(params: Json) -> Response:
        balancer = alb._p(params, "LoadBalancerArn")
        current = alb._lb_attrs.get(balancer) or []
        attributes = {one["Key"]: one["Value"] for one in current} | attributes_of(params)
        bucket = attributes.get("access_logs.s3.bucket", "")
        if attributes.get("access_logs.s3.enabled") == "true" and not _may_write(
            balancer, bucket, attributes.get("access_logs.s3.prefix", "")
        ):
            message = f"Access Denied for bucket: {bucket}. Please check S3bucket permission"
            refused: Response = alb._error("InvalidConfigurationRequest", message)
            return refused
        answer: Response = original(params)
        return answer

    return modify


def attributes_of(params: Json) -> dict[str, str]:
    """The attributes that a request sets."""
    given: dict[str, str] = {}
    while key := alb._p(params, f"Attributes.member.{len(given) + 1}.Key"):
        given[key] = alb._p(params, f"Attributes.member.{len(given) + 1}.Value")
    return given


def _may_write(balancer: str, bucket: str, prefix: str) -> bool:
    account, region = get_account_id(), get_region()
    path = f"{prefix}/AWSLogs" if prefix else "AWSLogs"
    resource = f"arn:aws:s3:::{bucket}/{path}/{account}/ELBAccessLogTestFile"
    policy, _ = s3.bucket_policy_for_arn(resource) or ("", "")
    service = EvalContext(
        principal_arn=_SERVICE,
        principal_type="Service",
        principal_account="",
        action="s3:PutObject",
        resource_arn=resource,
        region=region,
        secure_transport=True,
        service_context={"aws:sourcearn": balancer, "aws:sourceaccount": account},
    )
    if evaluate_resource_policy(policy, service, service=_SERVICE).decision == "Allow":
        return True
    own = _ACCOUNTS.get(region)
    caller = replace(
        service,
        principal_arn=f"arn:aws:iam::{own}:root",
        principal_type="Root",
        principal_account=own or "",
        service_context={},
    )
    return bool(own and evaluate_resource_policy(policy, caller).decision == "Allow")
