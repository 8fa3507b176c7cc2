"""A service of Cloud Run Admin API v2 as a message: its shape, what is refused, and what is filled in."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping

from slipway_emulator.google.api import Json, invalid
from slipway_emulator.google.messages import (
    ANY,
    BOOL,
    DURATION,
    INT32,
    INT64,
    STRING,
    Enum,
    Map,
    check,
    duration_seconds,
    snake,
)
from slipway_emulator.google.run.violations import ViolationError, violations
from slipway_emulator.google.run.volumes import SECRET, VOLUME, check_volumes

LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
BY_REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
INGRESS_ALL = "INGRESS_TRAFFIC_ALL"

_RUN = "google.cloud.run.v2"
_PROBE = {
    "initialDelaySeconds": INT32,
    "timeoutSeconds": INT32,
    "periodSeconds": INT32,
    "failureThreshold": INT32,
    "httpGet": {"path": STRING, "httpHeaders": [{"port": INT32, "name": STRING, "value": STRING}], "port": INT32},
    "tcpSocket": {"port": INT32},
    "grpc": {"port": INT32, "service": STRING},
}
CONTAINER = {
    "name": STRING,
    "sourceCode": ANY,
    "image": STRING,
    "command": [STRING],
    "args": [STRING],
    "env": [{"name": STRING, "value": STRING, "valueSource": {"secretKeyRef": {"secret": STRING, "version": STRING}}}],
    "resources": {"limits": Map(STRING), "cpuIdle": BOOL, "startupCpuBoost": BOOL},
    "ports": [{"name": STRING, "containerPort": INT32}],
    "volumeMounts": [{"name": STRING, "mountPath": STRING, "subPath": STRING}],
    "workingDir": STRING,
    "livenessProbe": _PROBE,
    "startupProbe": _PROBE,
    "readinessProbe": _PROBE,
    "dependsOn": [STRING],
    "baseImageUri": STRING,
    "buildInfo": ANY,
}
EXECUTION_ENVIRONMENT = Enum(
    f"{_RUN}.ExecutionEnvironment",
    ("EXECUTION_ENVIRONMENT_UNSPECIFIED", "EXECUTION_ENVIRONMENT_GEN1", "EXECUTION_ENVIRONMENT_GEN2"),
)
VPC_ACCESS = {
    "connector": STRING,
    "egress": Enum(f"{_RUN}.VpcAccess.VpcEgress", ("VPC_EGRESS_UNSPECIFIED", "ALL_TRAFFIC", "PRIVATE_RANGES_ONLY")),
    "networkInterfaces": [{"network": STRING, "subnetwork": STRING, "tags": [STRING]}],
}
_TEMPLATE = {
    "revision": STRING,
    "labels": Map(STRING),
    "annotations": Map(STRING),
    "scaling": {"minInstanceCount": INT32, "maxInstanceCount": INT32},
    "vpcAccess": VPC_ACCESS,
    "timeout": DURATION,
    "serviceAccount": STRING,
    "containers": [CONTAINER],
    "volumes": [VOLUME],
    "executionEnvironment": EXECUTION_ENVIRONMENT,
    "encryptionKey": STRING,
    "maxInstanceRequestConcurrency": INT32,
    "serviceMesh": ANY,
    "encryptionKeyRevocationAction": STRING,
    "encryptionKeyShutdownDuration": DURATION,
    "sessionAffinity": BOOL,
    "healthCheckDisabled": BOOL,
    "nodeSelector": ANY,
    "gpuZonalRedundancyDisabled": BOOL,
    "client": STRING,
    "clientVersion": STRING,
}
_INGRESS = (
    "INGRESS_TRAFFIC_UNSPECIFIED",
    INGRESS_ALL,
    "INGRESS_TRAFFIC_INTERNAL_ONLY",
    "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
    "INGRESS_TRAFFIC_NONE",
)
_LAUNCH_STAGES = (
    "LAUNCH_STAGE_UNSPECIFIED",
    "UNIMPLEMENTED",
    "PRELAUNCH",
    "EARLY_ACCESS",
    "ALPHA",
    "BETA",
    "GA",
    "DEPRECATED",
)
LAUNCH_STAGE = Enum("google.api.LaunchStage", _LAUNCH_STAGES)
# What a caller sets.
_WRITABLE = {
    "name": STRING,
    "description": STRING,
    "labels": Map(STRING),
    "annotations": Map(STRING),
    "client": STRING,
    "clientVersion": STRING,
    "ingress": Enum(f"{_RUN}.IngressTraffic", _INGRESS),
    "launchStage": LAUNCH_STAGE,
    "binaryAuthorization": ANY,
    "template": _TEMPLATE,
    "traffic": [
        {
            "type": Enum(
                f"{_RUN}.TrafficTargetAllocationType",
                ("TRAFFIC_TARGET_ALLOCATION_TYPE_UNSPECIFIED", LATEST, BY_REVISION),
            ),
            "revision": STRING,
            "percent": INT32,
            "tag": STRING,
        }
    ],
    "scaling": {
        "minInstanceCount": INT32,
        "scalingMode": STRING,
        "maxInstanceCount": INT32,
        "manualInstanceCount": INT32,
    },
    "invokerIamDisabled": BOOL,
    "defaultUriDisabled": BOOL,
    "customAudiences": [STRING],
    "buildConfig": ANY,
    "iapEnabled": BOOL,
    "multiRegionSettings": ANY,
    "etag": STRING,
}
# What a caller may send back of any kind of resource, and the API ignores.
OUTPUT_ONLY = {
    "uid": STRING,
    "generation": INT64,
    "createTime": STRING,
    "updateTime": STRING,
    "deleteTime": STRING,
    "expireTime": STRING,
    "creator": STRING,
    "lastModifier": STRING,
    "observedGeneration": INT64,
    "terminalCondition": ANY,
    "conditions": ANY,
    "satisfiesPzs": BOOL,
    "reconciling": BOOL,
}
_OUTPUT_ONLY = OUTPUT_ONLY | {
    "latestReadyRevision": STRING,
    "latestCreatedRevision": STRING,
    "trafficStatuses": ANY,
    "uri": STRING,
    "urls": [STRING],
    "threatDetectionEnabled": BOOL,
}

_ID = re.compile(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_SYSTEM_NAMESPACES = ("run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_IMAGE = re.compile(r"[\w.:-]+(/[\w.-]+)*(:[\w.-]{1,128})?(@sha256:[0-9a-f]{64})?")
# "Supported container registries and images": others are reached through a remote repository only.
_REGISTRIES = r"([a-z0-9-]+\.)?gcr\.io|([a-z0-9-]+-)?docker\.pkg\.dev|docker\.io"
# "Configure environment variables for services", reserved names.
RESERVED_NAMES = r"PORT|K_SERVICE|K_REVISION|K_CONFIGURATION|X_GOOGLE_.*"
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|Ki|M|Mi|G|Gi)?")
_FACTORS = {"": 1.0, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}
_WHOLE_CPUS = (1, 2, 4, 6, 8)
# Memory in MiB that so many CPUs need at least ("Configure CPU limits", "Minimum memory").
_LEAST_MEMORY_MIB = {4: 2048, 6: 4096, 8: 4096}
_MEMORY_MIB = (128, 32768)
_LEAST_MIB_OF_SECOND_GENERATION = 512
_LONGEST_TIMEOUT_SECONDS, _MOST_CONCURRENT, _MOST_CONTAINERS = 3600, 1000, 10
_MOST_INSTANCES = 100
_DEFAULT_PORT = 8080


def checked(body: Json) -> Json:
    """The caller's part of a service, with JSON's names and the right types.

    Raises:
        ApiError: a name is unknown or a value has another type.
    """
    found: Json = check(_WRITABLE | _OUTPUT_ONLY, body, "service")
    return {name: value for name, value in found.items() if name in _WRITABLE}


def check_id(identifier: str, kind: str = "Service") -> None:
    """Refuse a name that no resource of a kind can have.

    Args:
        identifier: the last part of its name.
        kind: what the API calls one.
    """
    if not _ID.fullmatch(identifier):
        field = f"{snake(kind).lstrip('_')}_id"
        raise invalid(
            field,
            f'Violation in Create{kind}Request.{field}: "{identifier}" must begin with a letter, hold only lower-case '
            "letters, digits and hyphens, end without a hyphen, and have less than 50 characters",
        )


def complete(service: Json, name: str, default_account: str, registry: str, request: str) -> Json:
    """A service with what Cloud Run fills in, once nothing is wrong with it.

    Args:
        service: the caller's part.
        name: the last part of its name.
        default_account: the e-mail address of the account that it runs as where it names none.
        registry: host and port that the names of images in Artifact Registry begin with.
        request: the message that the service came in: "CreateServiceRequest".

    Raises:
        ApiError: something is wrong; the message says what and where.
    """
    with violations(f"{request}.service"):
        return _complete(copy.deepcopy(service), name, default_account, registry)


def _complete(whole: Json, name: str, default_account: str, registry: str) -> Json:
    check_labels(whole, "")
    if not isinstance(whole.get("template"), dict):
        raise ViolationError("template", "required field not present.")
    template = whole["template"]
    check_labels(template, "template.")
    check_revision(template, name)
    containers = template.get("containers", [])
    check_number(containers, "template.containers")
    serving = [position for position, container in enumerate(containers) if container.get("ports")]
    if len(containers) > 1 and len(serving) != 1:
        raise ViolationError("template.containers", "exactly one of several containers must have a port")
    for position, container in enumerate(containers):
        path = f"template.containers[{position}]"
        serves = len(containers) == 1 or position in serving
        if serves and not container.get("ports"):
            container["ports"] = [{}]
        complete_container(container, path, registry)
        if serves:
            # "Default TCP startup probe".
            port = container["ports"][0]["containerPort"]
            default = {"timeoutSeconds": 240, "periodSeconds": 240, "failureThreshold": 1, "tcpSocket": {"port": port}}
            container.setdefault("startupProbe", default)
    scaling = template.setdefault("scaling", {})
    scaling.setdefault("maxInstanceCount", _MOST_INSTANCES)
    least, most = scaling.get("minInstanceCount", 0), scaling["maxInstanceCount"]
    if least < 0 or most < 1 or least > most:
        raise ViolationError(
            "template.scaling", f"min_instance_count ({least}) must be from 0 to max_instance_count ({most})"
        )
    timeout = duration_seconds(template.setdefault("timeout", "300s"))
    if not 0 < timeout <= _LONGEST_TIMEOUT_SECONDS:
        raise ViolationError("template.timeout", f"must be more than 0s and at most {_LONGEST_TIMEOUT_SECONDS}s")
    cpus = [quantity(container["resources"]["limits"].get("cpu", "1")) or 1.0 for container in containers]
    concurrency = template.setdefault("maxInstanceRequestConcurrency", 80 if min(cpus) >= 1 else 1)
    if not 1 <= concurrency <= _MOST_CONCURRENT:
        raise ViolationError("template.max_instance_request_concurrency", f"must be from 1 to {_MOST_CONCURRENT}")
    if min(cpus) < 1 and concurrency != 1:
        raise ViolationError("template.max_instance_request_concurrency", "must be 1 with less than one CPU")
    if not template.get("serviceAccount"):
        template["serviceAccount"] = default_account
    _complete_traffic(whole)
    _complete_service_scaling(whole)
    whole.setdefault("ingress", INGRESS_ALL)
    whole.setdefault("launchStage", "GA")
    complete_network(template, "template")
    check_volumes(template, "template")
    check_known(template, "template")
    return whole


def check_revision(template: Json, name: str) -> None:
    """Refuse a name of a revision that the service or worker pool of a name cannot have."""
    revision = template.get("revision", "")
    if revision and (
        not revision.startswith(f"{name}-") or not re.fullmatch(r"[a-z][a-z0-9-]{0,61}[a-z0-9]", revision)
    ):
        raise ViolationError("template.revision", f'must begin with "{name}-", and be a valid name of a revision')


def check_number(containers: list[Json], path: str) -> None:
    """Refuse no containers, and too many of them."""
    if not 1 <= len(containers) <= _MOST_CONTAINERS:
        raise ViolationError(path, f"must have 1 to {_MOST_CONTAINERS} containers")


def check_second_generation(container: Json, path: str) -> None:
    """Refuse sizes that only services of the first generation have ("Configure CPU limits for worker pools")."""
    limits = container["resources"]["limits"]
    if (quantity(limits["cpu"]) or 0) < 1:
        raise ViolationError(f"{path}.resources.limits.cpu", f"must be at least 1; it is {limits['cpu']}")
    if (quantity(limits["memory"]) or 0) < _LEAST_MIB_OF_SECOND_GENERATION * 2**20:
        text = f"must be at least {_LEAST_MIB_OF_SECOND_GENERATION}Mi; it is {limits['memory']}"
        raise ViolationError(f"{path}.resources.limits.memory", text)


def check_known(template: Json, path: str) -> None:
    """Refuse what a rehearsal cannot do, and so does not pretend to do."""
    if template.get("nodeSelector"):
        raise ViolationError(f"{path}.node_selector", "the rehearsal knows no GPUs")


def complete_network(template: Json, path: str) -> None:
    """Check Direct VPC egress, and fill in what Cloud Run does ("Direct VPC egress with a VPC network").

    Args:
        template: of a revision or a task.
        path: where it is: "template".
    """
    access = template.get("vpcAccess")
    if not access:
        template.pop("vpcAccess", None)
        return
    path = f"{path}.vpc_access"
    if access.get("connector"):
        raise ViolationError(f"{path}.connector", "the rehearsal knows no connectors")
    interfaces = access.get("networkInterfaces", [])
    if len(interfaces) != 1 or not (interfaces[0].get("network") or interfaces[0].get("subnetwork")):
        raise ViolationError(f"{path}.network_interfaces", "must be one, with a network or a subnetwork")
    if access.setdefault("egress", "PRIVATE_RANGES_ONLY") != "PRIVATE_RANGES_ONLY":
        raise ViolationError(f"{path}.egress", "the rehearsal knows PRIVATE_RANGES_ONLY alone")


def _check_image(image: str, path: str, registry: str) -> None:
    host, separator, _ = image.partition("/")
    is_host = bool(separator) and (host == "localhost" or "." in host or ":" in host)
    known = not is_host or host == registry or re.fullmatch(_REGISTRIES, host)
    if not known or not _IMAGE.fullmatch(image):
        raise ViolationError(
            path,
            "Expected an image path like [host/]repo-path[:tag and/or @digest], where host is one of "
            f"[region.]gcr.io, [region-]docker.pkg.dev or docker.io but obtained {image}",
        )


def complete_container(container: Json, path: str, registry: str, reserved: str = RESERVED_NAMES) -> None:
    """Check a container, and fill in what Cloud Run does.

    Args:
        container: of a template.
        path: where it is: "template.containers[0]".
        registry: host and port that the names of images in Artifact Registry begin with.
        reserved: names of environment variables that Cloud Run sets itself, as a regular expression.
    """
    _check_image(container.get("image", ""), f"{path}.image", registry)
    check_environment(container.get("env", []), path, reserved)
    ports = container.get("ports", [])
    if len(ports) > 1:
        raise ViolationError(f"{path}.ports", "ports should contain 0 or 1 port.")
    for port in ports:
        if not 0 < port.setdefault("containerPort", _DEFAULT_PORT) < 65536:
            raise ViolationError(f"{path}.ports[0].container_port", "must be from 1 to 65535")
        if port.setdefault("name", "http1") not in ("http1", "h2c"):
            raise ViolationError(f"{path}.ports[0].name", "should be one of http1 and h2c")
    _complete_resources(container, path)
    number = ports[0]["containerPort"] if ports else None
    for kind, longest in (("livenessProbe", 3600), ("startupProbe", 240), ("readinessProbe", 3600)):
        if kind in container:
            snake_kind = kind.replace("Probe", "_probe")
            _complete_probe(container[kind], f"{path}.{snake_kind}", number, longest)


def check_environment(variables: list[Json], path: str, reserved: str = RESERVED_NAMES) -> None:
    """Refuse names of environment variables that are none, that are there twice, or that Cloud Run sets itself.

    Args:
        variables: of a container.
        path: where that is.
        reserved: the names that Cloud Run sets, as a regular expression.
    """
    names: set[str] = set()
    for variable in variables:
        name = variable.get("name", "")
        if not _ENVIRONMENT_NAME.fullmatch(name):
            raise ViolationError(f"{path}.env", f'"{name}" is no name of an environment variable')
        if name in names:
            raise ViolationError(f"{path}.env", f'"{name}" is there twice')
        names.add(name)
        secret = variable.get("valueSource", {}).get("secretKeyRef", {}).get("secret", "")
        if "valueSource" in variable and not SECRET.fullmatch(secret):
            raise ViolationError(f"{path}.env", f'the source of "{name}" must be a secret')
    taken = sorted(name for name in names if re.fullmatch(reserved, name, re.DOTALL))
    if taken:
        raise ViolationError(
            f"{path}.env",
            f"The following reserved env names were provided: {', '.join(taken)}. "
            "These values are automatically set by the system.",
        )


def _complete_resources(container: Json, path: str) -> None:
    if "resources" not in container:
        container["resources"] = {"cpuIdle": True, "startupCpuBoost": True}
    limits = container["resources"].setdefault("limits", {})
    for name, text in limits.items():
        if name not in ("cpu", "memory", "nvidia.com/gpu"):
            raise ViolationError(f"{path}.resources.limits", f'unknown resource "{name}": use cpu and memory')
        if quantity(text) is None:
            raise ViolationError(f"{path}.resources.limits[{name}]", f'"{text}" is no quantity')
    limits.setdefault("cpu", "1000m")
    limits.setdefault("memory", "512Mi")
    cpu, memory = quantity(limits["cpu"]) or 0.0, (quantity(limits["memory"]) or 0.0) / 2**20
    if cpu not in _WHOLE_CPUS and not 0.08 <= cpu < 1:
        raise ViolationError(
            f"{path}.resources.limits.cpu",
            f"Invalid value specified for cpu. Valid values are 0.08 to 1, 2, 4, 6 and 8; it is {limits['cpu']}",
        )
    least = _LEAST_MEMORY_MIB.get(int(cpu), _MEMORY_MIB[0])
    if not least <= memory <= _MEMORY_MIB[1]:
        raise ViolationError(
            f"{path}.resources.limits.memory",
            f"Invalid value specified for memory. For {limits['cpu']} CPU it must be from {least}Mi to 32Gi; "
            f"it is {limits['memory']}",
        )


def _complete_probe(probe: Json, path: str, port: int | None, longest_period: int) -> None:
    kinds = [kind for kind in ("httpGet", "tcpSocket", "grpc") if kind in probe]
    if len(kinds) != 1:
        raise ViolationError(path, "exactly one of http_get, tcp_socket and grpc must be given")
    if path.endswith("liveness_probe") and kinds == ["tcpSocket"]:
        raise ViolationError(f"{path}.tcp_socket", "is not supported in a liveness probe")
    action = probe[kinds[0]]
    if not action.get("port"):
        if port is None:
            raise ViolationError(f"{path}.port", "must be given for a container without ports")
        action["port"] = port
    if not 0 < action["port"] < 65536:
        raise ViolationError(f"{path}.port", "must be from 1 to 65535")
    if kinds == ["httpGet"] and not action.setdefault("path", "/").startswith("/"):
        raise ViolationError(f"{path}.http_get.path", "must begin with /")
    for name, default, least, most in (
        ("timeoutSeconds", 1, 1, 3600),
        ("periodSeconds", 10, 1, longest_period),
        ("failureThreshold", 3, 1, 2**31),
    ):
        probe.setdefault(name, default)
        if not least <= probe[name] <= most:
            raise ViolationError(f"{path}.{name}", f"must be from {least} to {most}")
    # "Probe requirements and behavior" of "Configure container health checks for services".
    if path.endswith("startup_probe") and probe["failureThreshold"] * probe["periodSeconds"] > longest_period:
        raise ViolationError(f"{path}.failure_threshold", f"times period_seconds must be at most {longest_period}")
    if not 0 <= probe.get("initialDelaySeconds", 0) <= longest_period:
        raise ViolationError(f"{path}.initial_delay_seconds", f"must be from 0 to {longest_period}")
    if probe["timeoutSeconds"] > probe["periodSeconds"]:
        raise ViolationError(f"{path}.timeout_seconds", "must be at most period_seconds")


def _complete_traffic(service: Json) -> None:
    targets = service.get("traffic") or []
    if not targets:
        targets = service["traffic"] = [{"type": LATEST, "percent": 100}]
    for position, target in enumerate(targets):
        target.setdefault("type", BY_REVISION if target.get("revision") else LATEST)
        by_revision = target["type"] == BY_REVISION
        if by_revision != bool(target.get("revision")):
            raise ViolationError(
                f"traffic[{position}].revision", "must be given for a target by revision, and for no other"
            )
        if target.get("percent", 0) < 0:
            raise ViolationError(f"traffic[{position}].percent", "must not be negative")
    total = sum(target.get("percent", 0) for target in targets)
    if total != 100:
        raise ViolationError("traffic", f"the percentages must add up to 100, they are {total}")
    tags = [target["tag"] for target in targets if target.get("tag")]
    if len(tags) != len(set(tags)):
        raise ViolationError("traffic", "a tag must not be there twice")


def _complete_service_scaling(service: Json) -> None:
    """Scaling of the whole service: every service is answered with a block of it, whether or not it was given one."""
    scaling = service.setdefault("scaling", {})
    least, most = scaling.setdefault("minInstanceCount", 0), scaling.get("maxInstanceCount")
    if least < 0 or (most is not None and (most < 1 or least > most)):
        raise ViolationError(
            "scaling", f"min_instance_count ({least}) must be from 0 to max_instance_count ({most or 'none'})"
        )


def check_labels(message: Json, path: str) -> None:
    """Refuse labels and annotations that nothing can have."""
    for key, value in message.get("labels", {}).items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise ViolationError(
                f"{path}labels",
                f'"{key}": "{value}" must have lower-case letters, digits, underscores and hyphens, at most 63, and '
                "the key must begin with a letter",
            )
    for key in message.get("annotations", {}):
        if key.partition("/")[0].endswith(_SYSTEM_NAMESPACES):
            raise ViolationError(f"{path}annotations", f"{key} is a system annotation")


def quantity(text: str) -> float | None:
    """The number that a Kubernetes quantity stands for, or None."""
    match = _QUANTITY.fullmatch(text)
    return float(match[1]) * _FACTORS[match[2] or ""] if match else None


def condition(kind: str, state: str, moment: str, problem: Mapping[str, str] | None = None) -> Json:
    """A google.cloud.run.v2.Condition.

    Args:
        kind: "Ready" and so on.
        state: "CONDITION_SUCCEEDED" and so on.
        moment: when it became so.
        problem: `message`, and `reason` or `revisionReason`, where there is one.
    """
    return {"type": kind, "state": state, "lastTransitionTime": moment} | dict(problem or {})
