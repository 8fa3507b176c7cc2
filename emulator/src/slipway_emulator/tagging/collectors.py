"""Resource Groups Tagging API: the tagged resources of services that GetResources has to find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ministack.core.responses import get_account_id, get_region
from ministack.services import acm, alb, cloudwatch, cloudwatch_logs, ec2, rds, secretsmanager

from slipway_emulator.overrides import Addition

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Tags = list[dict[str, str]]
Tagged = Iterator[tuple[str, Tags]]
Collector = Callable[[], Tagged]

# Kind of EC2 resource, as its ARN names it, to where MiniStack keeps the resources.
_EC2_KINDS = {
    "elastic-ip": "_addresses",
    "instance": "_instances",
    "internet-gateway": "_internet_gateways",
    "launch-template": "_launch_templates",
    "natgateway": "_nat_gateways",
    "route-table": "_route_tables",
    "security-group": "_security_groups",
    "subnet": "_subnets",
    "volume": "_volumes",
    "vpc": "_vpcs",
    "vpc-endpoint": "_vpc_endpoints",
    "vpc-flow-log": "_flow_logs",
}


def collector(service: str, of: Callable[[Parts], Collector]) -> Addition:
    """What a service of ours adds to MiniStack, for its tagged resources to be found.

    Args:
        service: what its ARNs call it.
        of: gives the ARN and the tags of each of its resources.
    """
    return Addition(
        "services.tagging",
        "_COLLECTORS",
        "leaves its resources out of GetResources",
        lambda parts: {service: of(parts)},
        keys=(service,),
    )


def _flat(tags: dict[str, str] | None) -> Tags:
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def _certificates() -> Tagged:
    for arn, certificate in acm._certificates.items():
        yield arn, certificate.get("Tags") or []


def _alarms() -> Tagged:
    for alarm in cloudwatch._alarms.values():
        yield alarm["AlarmArn"], _flat(cloudwatch._resource_tags.get(alarm["AlarmArn"]))


def _network() -> Tagged:
    for kind, store in _EC2_KINDS.items():
        for identifier, resource in getattr(ec2, store).items():
            if resource.get("State") not in ("deleted", "deleting"):
                arn = f"arn:aws:ec2:{get_region()}:{get_account_id()}:{kind}/{identifier}"
                yield arn, ec2._tags.get(identifier) or []


def _load_balancers() -> Tagged:
    for store in (alb._lbs, alb._tgs, alb._listeners):
        for arn in store:
            yield arn, alb._tags.get(arn) or []


def _log_groups() -> Tagged:
    for group in cloudwatch_logs._log_groups.values():
        yield group["arn"].removesuffix(":*"), _flat(group.get("tags"))


def _databases() -> Tagged:
    for store, name in (
        (rds._instances, "DBInstanceArn"),
        (rds._snapshots, "DBSnapshotArn"),
        (rds._subnet_groups, "DBSubnetGroupArn"),
        (rds._param_groups, "DBParameterGroupArn"),
    ):
        for record in store.values():
            yield record[name], rds._tags.get(record[name]) or []


def _secrets() -> Tagged:
    for secret in secretsmanager._secrets.values():
        if not secret.get("DeletedDate"):
            yield secret["ARN"], secret.get("Tags") or []


COLLECTORS: dict[str, Collector] = {
    "acm": _certificates,
    "cloudwatch": _alarms,
    "ec2": _network,
    "elasticloadbalancing": _load_balancers,
    "logs": _log_groups,
    "rds": _databases,
    "secretsmanager": _secrets,
}
"""What exists of these services, so that what a destroy leaves behind is found."""
