"""Rules on inputs of layers that can be known before anything is touched.

Types and choices stand in the roles' argument specifications; here is what those cannot say. Values have the
types that Terraform takes (`layer_variables.converted`). A test puts each rule next to the `validation` in
Terraform.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.platforms import Platform

Json = dict[str, Any]
Finding = tuple[str, str]
"""The variable to change and what is wrong with it."""


@dataclass(frozen=True)
class Rule:
    """What one variable must be.

    Attributes:
        allows: whether a value is right.
        requirement: completes "it must be".
    """

    allows: Callable[[Any], bool]
    requirement: str


def _whole(least: int, most: int | None = None, note: str = "") -> Rule:
    limits = f"of at least {least}" if most is None else f"from {least} to {most}"

    def allows(value: float) -> bool:
        return value == int(value) and value >= least and (most is None or value <= most)

    return Rule(allows, f"a whole number {limits}{note}")


def _one_of(*values: Any) -> Rule:
    texts = [str(value) for value in values]
    return Rule(lambda value: value in values, f"{', '.join(texts[:-1])} or {texts[-1]}")


def _text(pattern: str, requirement: str, unless: Callable[[str], bool] = lambda _: False) -> Rule:
    expression = re.compile(pattern)
    return Rule(lambda value: bool(expression.fullmatch(value)) and not unless(value), requirement)


def network(text: str, shortest: int = 0, longest: int = 32) -> ipaddress.IPv4Network | None:
    """An IPv4 range in CIDR notation; None when the text is none, or has a length that is not allowed.

    Args:
        text: such as `10.0.0.0/16`; bits of the host must be zero.
        shortest: least length of the prefix in bits.
        longest: greatest length of the prefix in bits.
    """
    if not re.fullmatch(r"[0-9.]+/[0-9]+", text):
        return None
    try:
        found = ipaddress.IPv4Network(text)
    except ValueError:
        return None
    return found if shortest <= found.prefixlen <= longest else None


# "VPC CIDR blocks" and "Subnet CIDR blocks" in the Amazon VPC User Guide.
_VPC_LENGTHS = (16, 28)
_RANGE = "an IPv4 network address with a length of /16 to /28, such as 10.0.0.0/16, without bits beyond its length"
_RANGES = Rule(
    lambda blocks: all(network(block, *_VPC_LENGTHS) for block in blocks), f"a list of ranges, each {_RANGE}"
)
_NAME = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")
_RESERVED_DATABASES = ("postgres", "rdsadmin", "template0", "template1")

# By Terraform variable; a name means the same in every layer.
RULES: dict[str, Rule] = {
    "alarm_action_arns": Rule(
        lambda arns: all(arn.startswith("arn:aws:") for arn in arns),
        "a list of ARNs, each beginning with arn:aws:",
    ),
    "allocated_storage_gb": _whole(20, 65536, ", which is what RDS allows for gp3"),
    "allowed_cidr_blocks": Rule(
        lambda blocks: bool(blocks) and all(network(block) for block in blocks),
        "at least one IPv4 network address with its length, such as 203.0.113.0/24",
    ),
    "ami_id": _text(r"ami-[0-9a-f]{8,17}", "the id of a machine image, such as ami-0123456789abcdef0"),
    "archive_expiration_days": _whole(1),
    "backup_retention_days": _whole(1, 35, " (0 would turn backups off)"),
    "cidr_block": Rule(lambda block: network(block, *_VPC_LENGTHS) is not None, _RANGE),
    "container_port": _whole(1024, 65535, ": ports below are root's, and the application is not root"),
    "cpu_target_percent": Rule(lambda percent: 10 <= percent <= 95, "a number from 10 to 95"),
    "credentials_version": _whole(1),
    # 54: PostgreSQL cuts names at 63 bytes, and _migrator is the longest ending of a user's.
    "database_name": _text(
        r"[a-z][a-z0-9_]{0,53}",
        "1 to 54 lower-case letters, digits and underscores, first a letter (PostgreSQL allows 63, and "
        f"users' names add up to 9), and none of {', '.join(_RESERVED_DATABASES)}, which are RDS's own",
        unless=lambda name: name in _RESERVED_DATABASES,
    ),
    "desired_count": _whole(1),
    "domain_name": _text(
        r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
        "a host name in lower case, such as tasks.example.org",
    ),
    "engine_version": _text(r"1[3-7](\.[0-9]+)?", "a version of PostgreSQL from 13 to 17, such as 15 or 15.8"),
    "health_check_command": Rule(
        lambda words: len(words) >= 2 and words[0] in ("CMD", "CMD-SHELL"),
        "a list that begins with CMD (words of a command follow) or CMD-SHELL (one shell line follows)",
    ),
    "health_check_grace_period_seconds": Rule(
        lambda seconds: 0 <= seconds <= 3600, "a number of seconds from 0 to 3600"
    ),
    "health_check_path": _text(r"/[^ ?#]*", "a path that begins with / and has no query"),
    "host": _text(
        r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?",
        "a host name or an IPv4 address, with :<port> behind it if it needs one, such as 127.0.0.1:4567",
    ),
    "instance_type": _text(r"[a-z][a-z0-9-]*[0-9][a-z0-9-]*\.[a-z0-9-]+", "an EC2 instance type such as t3.micro"),
    "instance_class": _text(r"db\.[a-z0-9-]+\.[a-z0-9]+", "a class of RDS such as db.t3.micro"),
    # PutRetentionPolicy in the Amazon CloudWatch Logs API Reference.
    "log_retention_days": _one_of(
        *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
        *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
    ),
    "master_username": _text(
        r"[a-z][a-z0-9_]{0,62}",
        "1 to 63 lower-case letters, digits and underscores, first a letter, neither beginning with pg_ nor "
        "admin or rdsadmin",
        unless=lambda name: name.startswith("pg_") or name in ("admin", "rdsadmin"),
    ),
    "max_concurrent_requests": _whole(1),
    "max_count": _whole(1),
    "memory_mib": _whole(64),
    "min_count": _whole(1),
    "noncurrent_version_expiration_days": _whole(1),
    "private_subnet_cidr_blocks": _RANGES,
    "public_subnet_cidr_blocks": _RANGES,
    "retained_image_count": _whole(2, 1000, " (the running image and the one to roll back to are two)"),
    "root_device_name": _text(r"/dev/[a-z0-9]+", "a device such as /dev/xvda or /dev/sda1"),
    "root_volume_gb": _whole(8, 16384),
    # DeleteSecret in the AWS Secrets Manager API Reference.
    "secret_recovery_days": Rule(
        lambda days: days == 0 or 7 <= days <= 30, "0 (deletes at once) or 7 to 30, which is what AWS allows"
    ),
    "ssl_policy": _text(
        r"ELBSecurityPolicy-TLS13-1-[23]-.*",
        "a policy that begins with ELBSecurityPolicy-TLS13-1-2- or ELBSecurityPolicy-TLS13-1-3-: older ones "
        "let in TLS 1.0 or 1.1",
    ),
    "start_period_seconds": Rule(lambda seconds: 0 <= seconds <= 300, "a number of seconds from 0 to 300"),
    "stop_timeout_seconds": Rule(lambda seconds: 2 <= seconds <= 120, "a number of seconds from 2 to 120"),
    "user": _text(r"[1-9][0-9]*(:[0-9]+)?", "the number of a user who is not root, such as 10001 or 10001:10001"),
}

# What one platform allows less of.
PLATFORM_RULES: dict[str, dict[str, Rule]] = {
    # "App Runner resource quotas" and CreateAutoScalingConfiguration in the AWS App Runner API Reference.
    "app_runner": {
        "max_concurrent_requests": _whole(1, 200),
        "max_count": _whole(1, 25),
        "min_count": _whole(1, 25),
    },
    # "Cloud Run quotas and limits", "Maximum concurrent requests" and "Minimum instances".
    "cloud_run": {
        "max_concurrent_requests": _whole(1, 1000),
        "min_count": _whole(0),
    },
}

# "Burstable performance instances" in the Amazon EC2 User Guide: MiB by size. Other families begin at 2 GiB.
_BURSTABLE_MEMORY_MIB = {
    "nano": 512,
    "micro": 1024,
    "small": 2048,
    "medium": 4096,
    "large": 8192,
    "xlarge": 16384,
    "2xlarge": 32768,
}
# For Amazon Linux, the engine and the agent of Systems Manager.
_SYSTEM_MEMORY_MIB = 256

_NO_LOAD_BALANCER = "its tasks have public addresses and no load balancer"
_NO_INSTANCES = "Fargate has no instances; service_cpu_units and service_memory_mib say how large a task is"
_SCALED = "auto-scaling runs from service_min_count to service_max_count"
_BEHIND_LOAD_BALANCER = "its load balancer is open to everyone, and what is behind it to nobody else"
_NOT_OURS = "instances are not ours; service_cpu_units and service_memory_mib say how large one is"
_OWN_ADDRESS = "load balancer, address and certificate are App Runner's own"
_BY_CONCURRENCY = "auto-scaling goes by service_cpu_target_percent, not by requests at a time"
_OPEN = "its address is open to everyone; service_allow_unauthenticated and service_ingress are Cloud Run's"
# Why a platform has no variable of another one's, by platform and variable.
LACKS: dict[str, dict[str, str]] = {
    "app_runner": {
        "alarm_action_arns": "its alarms would watch a load balancer, and App Runner shows none of its own",
        "allowed_cidr_blocks": "App Runner serves everybody",
        "ami_id": _NOT_OURS,
        "container_insights_enabled": "Container Insights watches ECS; App Runner has metrics of its own",
        "cpu_architecture": "App Runner runs X86_64 only",
        "cpu_target_percent": "App Runner scales by requests at a time: service_max_concurrent_requests",
        "deletion_protection": "App Runner keeps no service from being deleted",
        "desired_count": _SCALED,
        "domain_name": _OWN_ADDRESS,
        "execute_command_enabled": "App Runner opens no shell into what it runs",
        "health_check_command": "App Runner asks service_health_check_path",
        "health_check_grace_period_seconds": "App Runner gives a new instance five failed health checks, 5 s apart",
        "ingress": _OPEN,
        "instance_type": _NOT_OURS,
        "load_balancer_deletion_protection": _OWN_ADDRESS,
        "log_retention_days": "App Runner makes the log groups itself",
        "allow_unauthenticated": _OPEN,
        "readable_secret_arns": "secrets of an app are kept by the layer data, which it does not have",
        "root_device_name": _NOT_OURS,
        "root_volume_gb": _NOT_OURS,
        "ssl_policy": _OWN_ADDRESS,
        "start_period_seconds": "App Runner gives a new instance five failed health checks, 5 s apart",
        "stop_timeout_seconds": "App Runner decides how long an instance may take to stop",
        "tmp_size_mib": "App Runner gives the file system its size",
        "user": "App Runner runs the image as the user that it names",
        "zone_create": _OWN_ADDRESS,
        "zone_name": _OWN_ADDRESS,
    },
    "cloud_run": {
        "alarm_action_arns": "its alarms would watch a load balancer, and Cloud Run shows none of its own",
        "allowed_cidr_blocks": "Cloud Run serves everybody or who has the role Cloud Run Invoker: "
        "service_allow_unauthenticated",
        "ami_id": _NOT_OURS,
        "container_insights_enabled": "Container Insights watches ECS; Cloud Run has metrics of its own",
        "cpu_architecture": "Cloud Run runs X86_64 only",
        "cpu_target_percent": "Cloud Run scales by requests at a time: service_max_concurrent_requests",
        "desired_count": _SCALED,
        "domain_name": "load balancer, address and certificate are Cloud Run's own",
        "execute_command_enabled": "Cloud Run opens no shell into what it runs",
        "health_check_command": "Cloud Run asks service_health_check_path",
        "health_check_grace_period_seconds": "Cloud Run gives a new task a minute to start",
        "instance_type": _NOT_OURS,
        "load_balancer_deletion_protection": "load balancer, address and certificate are Cloud Run's own",
        "log_retention_days": "Cloud Logging keeps what it keeps for the whole project",
        "readable_secret_arns": "its secrets would be Secret Manager's, and it has no layer data",
        "root_device_name": _NOT_OURS,
        "root_volume_gb": _NOT_OURS,
        "ssl_policy": "load balancer, address and certificate are Cloud Run's own",
        "start_period_seconds": "Cloud Run gives a new task a minute to start",
        "stop_timeout_seconds": "Cloud Run gives a stopping task 10 s",
        "tmp_size_mib": "the file system of a task is its memory",
        "user": "Cloud Run runs the image as the user that it names",
        "zone_create": "load balancer, address and certificate are Cloud Run's own",
        "zone_name": "load balancer, address and certificate are Cloud Run's own",
    },
    "ec2": {
        "allowed_cidr_blocks": _BEHIND_LOAD_BALANCER,
        "container_insights_enabled": "Container Insights watches ECS; EC2 measures an instance's CPU anyway",
        "cpu_units": "an application has all the CPU of its instance, which service_instance_type says",
        "deletion_protection": "its load balancer is what can be protected: service_load_balancer_deletion_protection",
        "desired_count": _SCALED,
        "execute_command_enabled": "ECS Exec is for tasks; Session Manager opens a shell on an instance anyway",
        "health_check_command": "the load balancer asks service_health_check_path, and an instance that does not "
        "answer is replaced",
        "ingress": _OPEN,
        "max_concurrent_requests": _BY_CONCURRENCY,
        "allow_unauthenticated": _OPEN,
        "start_period_seconds": "no container health check runs there; service_health_check_grace_period_seconds is "
        "the time an instance has to start",
    },
    "ecs": {
        "allowed_cidr_blocks": _BEHIND_LOAD_BALANCER,
        "ami_id": _NO_INSTANCES,
        "deletion_protection": "its load balancer is what can be protected: service_load_balancer_deletion_protection",
        "desired_count": _SCALED,
        "ingress": _OPEN,
        "instance_type": _NO_INSTANCES,
        "max_concurrent_requests": _BY_CONCURRENCY,
        "allow_unauthenticated": _OPEN,
        "root_device_name": _NO_INSTANCES,
        "root_volume_gb": _NO_INSTANCES,
    },
    "ecs_public": {
        "alarm_action_arns": "it has no alarms",
        "ami_id": _NO_INSTANCES,
        "cpu_target_percent": "it has no auto-scaling; service_desired_count says how many tasks run",
        "deletion_protection": "ECS keeps no service from being deleted",
        "domain_name": _NO_LOAD_BALANCER,
        "health_check_grace_period_seconds": f"{_NO_LOAD_BALANCER}; service_start_period_seconds is the time to start",
        "health_check_path": f"{_NO_LOAD_BALANCER}; service_health_check_command asks the container",
        "ingress": _OPEN,
        "instance_type": _NO_INSTANCES,
        "load_balancer_deletion_protection": _NO_LOAD_BALANCER,
        "max_concurrent_requests": "it has no auto-scaling; service_desired_count says how many tasks run",
        "max_count": "it has no auto-scaling; service_desired_count says how many tasks run",
        "min_count": "it has no auto-scaling; service_desired_count says how many tasks run",
        "allow_unauthenticated": _OPEN,
        "root_device_name": _NO_INSTANCES,
        "root_volume_gb": _NO_INSTANCES,
        "ssl_policy": _NO_LOAD_BALANCER,
        "zone_create": _NO_LOAD_BALANCER,
        "zone_name": _NO_LOAD_BALANCER,
    },
}


@dataclass(frozen=True)
class Sizes:
    """Which memory goes with which CPU.

    Attributes:
        mib_by_cpu_units: sizes of memory in MiB, by CPU in units of 1/1024 vCPU.
        source: the page that says so.
    """

    mib_by_cpu_units: Mapping[int, Sequence[int]]
    source: str


_FARGATE_SIZES = Sizes(
    {
        256: [512, 1024, 2048],
        512: [gib * 1024 for gib in range(1, 5)],
        1024: [gib * 1024 for gib in range(2, 9)],
        2048: [gib * 1024 for gib in range(4, 17)],
        4096: [gib * 1024 for gib in range(8, 31)],
    },
    '"Task CPU and memory" in the Amazon ECS Developer Guide',
)
# By platform.
SIZES = {
    "app_runner": Sizes(
        {
            256: [512, 1024],
            512: [1024],
            1024: [2048, 3072, 4096],
            2048: [4096, 6144],
            4096: [8192, 10240, 12288],
        },
        '"App Runner architecture and concepts" in the AWS App Runner Developer Guide',
    ),
    "cloud_run": Sizes(
        {1024: range(512, 4097), 2048: range(512, 8193), 4096: range(2048, 16385)},
        '"Configure memory limits for services" in the documentation of Cloud Run',
    ),
    "ecs": _FARGATE_SIZES,
    "ecs_public": _FARGATE_SIZES,
}


def shown(value: Any) -> str:
    """A value as a message shows it."""
    return json.dumps(value, ensure_ascii=False)


def value_findings(inputs: Json, platform: str | None) -> Iterator[Finding]:
    """What is wrong with single inputs of a layer; what is null or has no rule here is right.

    Args:
        inputs: the inputs, by Terraform variable.
        platform: what an app runs on; None for a network.
    """
    rules = RULES | PLATFORM_RULES.get(platform or "", {})
    for name, value in inputs.items():
        rule = rules.get(name)
        if rule and value is not None and not rule.allows(value):
            yield name, f"is {shown(value)}; it must be {rule.requirement}"


def layer_findings(layer: str, inputs: Json, platform: str | None) -> Iterator[Finding]:
    """What is wrong between inputs of a layer that are right by themselves.

    Args:
        layer: name of the layer.
        inputs: its inputs, with `region`; those that are not known are missing.
        platform: what an app runs on; None for a network.
    """
    if layer == "network":
        yield from _network_findings(inputs)
    if layer == "service":
        yield from _service_findings(inputs, SIZES.get(platform or ""))


def _network_findings(inputs: Json) -> Iterator[Finding]:
    zones, region = inputs.get("availability_zones"), inputs.get("region")
    if zones is not None and (len(set(zones)) < 2 or len(set(zones)) < len(zones)):
        yield (
            "availability_zones",
            f"is {shown(zones)}; it must be two different zones at least: a load balancer and a Multi-AZ "
            "database need two",
        )
    if zones is not None and region and not all(re.fullmatch(f"{region}[a-z]", zone) for zone in zones):
        yield (
            "availability_zones",
            f"is {shown(zones)}; it must be zones of the region {region}, such as {region}a",
        )
    vpc = network(inputs.get("cidr_block", ""))
    subnets = []
    for name in ("public_subnet_cidr_blocks", "private_subnet_cidr_blocks"):
        blocks = inputs.get(name)
        if blocks is None:
            continue
        if zones is not None and len(blocks) != len(zones):
            yield (
                name,
                f"has {len(blocks)} entries for {len(zones)} availability zones ({', '.join(zones)}); it "
                "must have one for each",
            )
        found = [subnet for block in blocks if (subnet := network(block))]
        outside = [str(subnet) for subnet in found if vpc and not subnet.subnet_of(vpc)]
        if outside:
            yield name, f"holds {', '.join(outside)}, which does not lie inside network_cidr_block {vpc}"
        subnets += [(name, subnet) for subnet in found]
    for (_, one), (name, other) in itertools.combinations(subnets, 2):
        if one.overlaps(other):
            yield name, f"holds {other}, which overlaps the subnet {one}; subnets must not overlap"


def _choices(numbers: Sequence[int]) -> str:
    if isinstance(numbers, range):
        return f"from {numbers[0]} to {numbers[-1]}"
    return f"one of {', '.join(map(str, numbers))}"


def _service_findings(inputs: Json, sizes: Sizes | None) -> Iterator[Finding]:
    memory, cpu = inputs.get("memory_mib"), inputs.get("cpu_units")
    if sizes and cpu is not None and cpu not in sizes.mib_by_cpu_units:
        choices = _choices(list(sizes.mib_by_cpu_units))
        yield "cpu_units", f"is {shown(cpu)}; it must be {choices}, as {sizes.source} says"
    allowed = sizes.mib_by_cpu_units.get(cpu, []) if sizes and cpu is not None else []
    if sizes and memory is not None and allowed and memory not in allowed:
        yield (
            "memory_mib",
            f"is {shown(memory)} with service_cpu_units {cpu}; it must be {_choices(allowed)}, as {sizes.source} says",
        )
    yield from _instance_findings(inputs)
    tmp = inputs.get("tmp_size_mib")
    if tmp is not None and memory is not None and not 1 <= tmp < memory:
        yield (
            "tmp_size_mib",
            f"is {shown(tmp)}; it must be at least 1 and less than service_memory_mib ({shown(memory)})",
        )
    least, most = inputs.get("min_count"), inputs.get("max_count")
    if least is not None and most is not None and least > most:
        yield "max_count", f"is {most}; it must be at least service_min_count ({least})"
    domain, zone = inputs.get("domain_name"), inputs.get("zone_name")
    if domain is not None and zone is None and "zone_name" in inputs:
        yield (
            "zone_name",
            f"is not set, but service_domain_name is {domain}; it must be the Route 53 zone the domain is "
            "in: its certificate is proved by a record there",
        )
    if domain is not None and zone is not None and domain != zone and not domain.endswith(f".{zone}"):
        yield "domain_name", f"is {domain}; it must be service_zone_name ({zone}) or end with .{zone}"
    if inputs.get("zone_create") and zone is None and domain is None:
        yield "zone_name", "is not set, but service_zone_create is true; it must be the zone to create"


def _instance_findings(inputs: Json) -> Iterator[Finding]:
    kind, architecture, memory = (inputs.get(name) for name in ("instance_type", "cpu_architecture", "memory_mib"))
    if kind is None:
        return
    # The letter g behind a generation's number names Graviton ("Instance type naming conventions", EC2 User Guide).
    is_arm = re.match("[a-z]+[0-9]+g", kind) is not None
    if architecture is not None and is_arm != (architecture == "ARM64"):
        yield (
            "instance_type",
            f"is {kind}, whose architecture is {'ARM64' if is_arm else 'X86_64'}; it must be one of "
            f"service_cpu_architecture {architecture}, such as {'t3' if is_arm else 't4g'}.micro",
        )
    family, _, size = kind.partition(".")
    most = _BURSTABLE_MEMORY_MIB.get(size, 0) - _SYSTEM_MEMORY_MIB if re.fullmatch("t[0-9]+[a-z]*", family) else 0
    if memory is not None and most > 0 and memory > most:
        yield (
            "memory_mib",
            f"is {memory} with service_instance_type {kind}; it must be at most {most}, because the instance has "
            f"{most + _SYSTEM_MEMORY_MIB} MiB and its system needs {_SYSTEM_MEMORY_MIB} of them",
        )


def name_finding(name: str, platform: Platform | None) -> str | None:
    """What is wrong with the cloud name `<environment>-<host>`; None when nothing is.

    Args:
        name: the name, which begins the name of every resource.
        platform: what an app runs on; None for a network.
    """
    if len(name) > 28:
        return (
            f"its cloud name {name} has {len(name)} characters; it must have at most 28, because AWS allows "
            "load balancers and target groups 32 and some names add an ending"
        )
    if not _NAME.fullmatch(name) or "--" in name:
        return (
            f"its cloud name {name} must be lower-case letters, digits and single hyphens, first a letter, "
            "last no hyphen: AWS allows nothing else in names of load balancers and databases"
        )
    error = _first_error(platform.names, name) if platform else None
    return f"its cloud name {name} {error}" if error else None


# Whoever may describe a task definition reads its environment, and every revision keeps it.
_SECRET_NAME = re.compile(r".*(PASSWORD|PASSWD|SECRET|SECRET_KEY|TOKEN|API_KEY|PRIVATE_KEY)", re.IGNORECASE | re.DOTALL)
_URL_WITH_PASSWORD = re.compile(r"://[^/@]*:[^/@]+@")


def environment_findings(environment: Json, platform: Platform) -> Iterator[str]:
    """What is wrong with the environment variables an inventory gives an application.

    Args:
        environment: the variables, by name; null leaves one out.
        platform: what the app runs on.
    """
    rules = platform.environment_variables
    count = sum(value is not None for value in environment.values())
    if count > rules.get("most", count):
        yield f"holds {count} variables; {platform.name} takes {rules['most']} at most, beside those of the platform"
    for name, value in environment.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            yield f"holds {shown(name)}; a name must be letters, digits and underscores, first no digit"
        elif name in rules["reserved"]:
            yield f"holds {name}, which the platform sets (from {rules['reserved'][name]}); leave it out"
        elif error := _first_error(rules.get("names", []), name):
            yield f"holds {name}; it must be another name: {error}"
        elif isinstance(value, str) and (error := _first_error(rules.get("values", []), value)):
            yield f"holds {name} {error}"
        elif _SECRET_NAME.fullmatch(name) or (isinstance(value, str) and _URL_WITH_PASSWORD.search(value)):
            # Not the value: it may be the secret.
            yield (
                f"holds {name}, which looks like a secret; put it into Secrets Manager and hand over its ARN "
                "under a name that ends with _SECRET_ID"
            )


def _first_error(rules: list[Json], text: str) -> str | None:
    """What the first rule says whose pattern a text does not match; None when it matches all of them."""
    return next((rule["error"] for rule in rules if not re.fullmatch(rule["pattern"], text)), None)
