"""A service of Cloud Run Admin API v2 as a message: its shape, what is refused, and what is filled in."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping

from emulator.google.api import ApiError, Json, invalid
from emulator.google.messages import (
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
)

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
_CONTAINER = {
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
_TEMPLATE = {
    "revision": STRING,
    "labels": Map(STRING),
    "annotations": Map(STRING),
    "scaling": {"minInstanceCount": INT32, "maxInstanceCount": INT32},
    "vpcAccess": {
        "connector": STRING,
        "egress": Enum(f"{_RUN}.VpcAccess.VpcEgress", ("VPC_EGRESS_UNSPECIFIED", "ALL_TRAFFIC", "PRIVATE_RANGES_ONLY")),
        "networkInterfaces": [{"network": STRING, "subnetwork": STRING, "tags": [STRING]}],
    },
    "timeout": DURATION,
    "serviceAccount": STRING,
    "containers": [_CONTAINER],
    "volumes": [ANY],
    "executionEnvironment": Enum(
        f"{_RUN}.ExecutionEnvironment",
        ("EXECUTION_ENVIRONMENT_UNSPECIFIED", "EXECUTION_ENVIRONMENT_GEN1", "EXECUTION_ENVIRONMENT_GEN2"),
    ),
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
# What a caller sets.
_WRITABLE = {
    "name": STRING,
    "description": STRING,
    "labels": Map(STRING),
    "annotations": Map(STRING),
    "client": STRING,
    "clientVersion": STRING,
    "ingress": Enum(f"{_RUN}.IngressTraffic", _INGRESS),
    "launchStage": Enum("google.api.LaunchStage", _LAUNCH_STAGES),
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
# What a caller may send back, and the service ignores.
_OUTPUT_ONLY = {
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
    "latestReadyRevision": STRING,
    "latestCreatedRevision": STRING,
    "trafficStatuses": ANY,
    "uri": STRING,
    "urls": [STRING],
    "satisfiesPzs": BOOL,
    "reconciling": BOOL,
    "threatDetectionEnabled": BOOL,
}

_SERVICE_ID = re.compile(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_SYSTEM_NAMESPACES = ("run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_IMAGE = re.compile(r"[\w.:-]+(/[\w.-]+)*(:[\w.-]{1,128})?(@sha256:[0-9a-f]{64})?")
_RESERVED_NAMES = ("PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION")
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|Ki|M|Mi|G|Gi)?")
_FACTORS = {"": 1.0, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}
_WHOLE_CPUS = (1, 2, 4, 6, 8)
# Memory in MiB that so many CPUs need at least ("Configure CPU limits", "Minimum memory").
_LEAST_MEMORY_MIB = {4: 2048, 6: 4096, 8: 4096}
_MEMORY_MIB = (128, 32768)
_LONGEST_TIMEOUT_SECONDS, _MOST_CONCURRENT, _MOST_CONTAINERS = 3600, 1000, 10
_DEFAULT_PORT = 8080


def checked(body: Json) -> Json:
    """The caller's part of a service, with JSON's names and the right types.

    Raises:
        ApiError: a name is unknown or a value has another type.
    """
    found: Json = check(_WRITABLE | _OUTPUT_ONLY, body, "service")
    return {name: value for name, value in found.items() if name in _WRITABLE}


def check_id(identifier: str) -> None:
    """Refuse a name that no service can have."""
    if not _SERVICE_ID.fullmatch(identifier):
        raise invalid(
            "service_id",
            f'Violation in CreateServiceRequest.service_id: "{identifier}" must begin with a letter, hold only '
            "lower-case letters, digits and hyphens, end without a hyphen, and have less than 50 characters",
        )


def complete(service: Json, name: str, default_account: str) -> Json:
    """A service with what Cloud Run fills in, once nothing is wrong with it.

    Args:
        service: the caller's part.
        name: the last part of its name.
        default_account: the e-mail address of the account that it runs as where it names none.

    Raises:
        ApiError: something is wrong; the message says what and where.
    """
    whole = copy.deepcopy(service)
    _check_labels(whole, "service")
    if not isinstance(whole.get("template"), dict):
        raise _violation("template", "must be given")
    template = whole["template"]
    _check_labels(template, "service.template")
    revision = template.get("revision", "")
    if revision and (
        not revision.startswith(f"{name}-") or not re.fullmatch(r"[a-z][a-z0-9-]{0,61}[a-z0-9]", revision)
    ):
        raise _violation("template.revision", f'must begin with "{name}-", and be a valid name of a revision')
    containers = template.get("containers", [])
    if not 1 <= len(containers) <= _MOST_CONTAINERS:
        raise _violation("template.containers", f"must have 1 to {_MOST_CONTAINERS} containers")
    serving = [position for position, container in enumerate(containers) if container.get("ports")]
    if len(containers) > 1 and len(serving) != 1:
        raise _violation("template.containers", "exactly one of several containers must have a port")
    for position, container in enumerate(containers):
        _complete_container(container, f"template.containers[{position}]", len(containers) == 1 or position in serving)
    scaling = template.setdefault("scaling", {})
    scaling.setdefault("maxInstanceCount", 100)
    least, most = scaling.get("minInstanceCount", 0), scaling["maxInstanceCount"]
    if least < 0 or most < 1 or least > most:
        raise _violation(
            "template.scaling", f"min_instance_count ({least}) must be from 0 to max_instance_count ({most})"
        )
    timeout = duration_seconds(template.setdefault("timeout", "300s"))
    if not 0 < timeout <= _LONGEST_TIMEOUT_SECONDS:
        raise _violation("template.timeout", f"must be more than 0s and at most {_LONGEST_TIMEOUT_SECONDS}s")
    cpus = [quantity(container["resources"]["limits"].get("cpu", "1")) or 1.0 for container in containers]
    concurrency = template.setdefault("maxInstanceRequestConcurrency", 80 if min(cpus) >= 1 else 1)
    if not 1 <= concurrency <= _MOST_CONCURRENT:
        raise _violation("template.max_instance_request_concurrency", f"must be from 1 to {_MOST_CONCURRENT}")
    if min(cpus) < 1 and concurrency != 1:
        raise _violation("template.max_instance_request_concurrency", "must be 1 with less than one CPU")
    if not template.get("serviceAccount"):
        template["serviceAccount"] = default_account
    _complete_traffic(whole)
    if whole.get("ingress", _INGRESS[0]) == _INGRESS[0]:
        whole["ingress"] = INGRESS_ALL
    if whole.get("launchStage", _LAUNCH_STAGES[0]) == _LAUNCH_STAGES[0]:
        whole["launchStage"] = "GA"
    return whole


def _complete_container(container: Json, path: str, serves: bool) -> None:
    image = container.get("image", "")
    if not image or not _IMAGE.fullmatch(image):
        raise _violation(
            f"{path}.image", f"expected a container image path like <hostname>/<repo-path>, but got '{image}'"
        )
    names: set[str] = set()
    for variable in container.get("env", []):
        name = variable.get("name", "")
        if not _ENVIRONMENT_NAME.fullmatch(name):
            raise _violation(f"{path}.env", f'"{name}" is no name of an environment variable')
        if name in names:
            raise _violation(f"{path}.env", f'"{name}" is there twice')
        names.add(name)
    reserved = sorted(names & set(_RESERVED_NAMES))
    if reserved:
        raise _violation(
            f"{path}.env",
            f"The following reserved env names were provided: {', '.join(reserved)}. "
            "These values are automatically set by the system.",
        )
    ports = container.get("ports", [])
    if len(ports) > 1:
        raise _violation(f"{path}.ports", "should contain 0 or 1 port")
    if serves and not ports:
        ports = container["ports"] = [{}]
    for port in ports:
        if not 0 < port.setdefault("containerPort", _DEFAULT_PORT) < 65536:
            raise _violation(f"{path}.ports[0].container_port", "must be from 1 to 65535")
        if port.setdefault("name", "http1") not in ("http1", "h2c"):
            raise _violation(f"{path}.ports[0].name", "should be one of http1 and h2c")
    _complete_resources(container, path)
    number = ports[0]["containerPort"] if ports else None
    for kind, longest in (("livenessProbe", 3600), ("startupProbe", 240), ("readinessProbe", 3600)):
        if kind in container:
            snake_kind = kind.replace("Probe", "_probe")
            _complete_probe(container[kind], f"{path}.{snake_kind}", number, longest)
    if serves:
        # "Default TCP startup probe".
        default = {"timeoutSeconds": 240, "periodSeconds": 240, "failureThreshold": 1, "tcpSocket": {"port": number}}
        container.setdefault("startupProbe", default)


def _complete_resources(container: Json, path: str) -> None:
    if "resources" not in container:
        container["resources"] = {"cpuIdle": True, "startupCpuBoost": True}
    limits = container["resources"].setdefault("limits", {})
    for name, text in limits.items():
        if name not in ("cpu", "memory", "nvidia.com/gpu"):
            raise _violation(f"{path}.resources.limits", f'unknown resource "{name}": use cpu and memory')
        if quantity(text) is None:
            raise _violation(f"{path}.resources.limits[{name}]", f'"{text}" is no quantity')
    limits.setdefault("cpu", "1000m")
    limits.setdefault("memory", "512Mi")
    cpu, memory = quantity(limits["cpu"]) or 0.0, (quantity(limits["memory"]) or 0.0) / 2**20
    if cpu not in _WHOLE_CPUS and not 0.08 <= cpu < 1:
        raise _violation(
            f"{path}.resources.limits.cpu",
            f"Invalid value specified for cpu. Valid values are 0.08 to 1, 2, 4, 6 and 8; it is {limits['cpu']}",
        )
    least = _LEAST_MEMORY_MIB.get(int(cpu), _MEMORY_MIB[0])
    if not least <= memory <= _MEMORY_MIB[1]:
        raise _violation(
            f"{path}.resources.limits.memory",
            f"Invalid value specified for memory. For {limits['cpu']} CPU it must be from {least}Mi to 32Gi; "
            f"it is {limits['memory']}",
        )


def _complete_probe(probe: Json, path: str, port: int | None, longest_period: int) -> None:
    kinds = [kind for kind in ("httpGet", "tcpSocket", "grpc") if kind in probe]
    if len(kinds) != 1:
        raise _violation(path, "exactly one of http_get, tcp_socket and grpc must be given")
    if path.endswith("liveness_probe") and kinds == ["tcpSocket"]:
        raise _violation(f"{path}.tcp_socket", "is not supported in a liveness probe")
    action = probe[kinds[0]]
    if not action.get("port"):
        if port is None:
            raise _violation(f"{path}.port", "must be given for a container without ports")
        action["port"] = port
    if not 0 < action["port"] < 65536:
        raise _violation(f"{path}.port", "must be from 1 to 65535")
    if kinds == ["httpGet"] and not action.setdefault("path", "/").startswith("/"):
        raise _violation(f"{path}.http_get.path", "must begin with /")
    for name, default, least, most in (
        ("timeoutSeconds", 1, 1, 3600),
        ("periodSeconds", 10, 1, longest_period),
        ("failureThreshold", 3, 1, 2**31),
    ):
        # Nothing and zero are the same in a proto.
        probe[name] = probe.get(name) or default
        if not least <= probe[name] <= most:
            raise _violation(f"{path}.{name}", f"must be from {least} to {most}")
    if not 0 <= probe.get("initialDelaySeconds", 0) <= longest_period:
        raise _violation(f"{path}.initial_delay_seconds", f"must be from 0 to {longest_period}")
    if probe["timeoutSeconds"] > probe["periodSeconds"]:
        raise _violation(f"{path}.timeout_seconds", "must be at most period_seconds")


def _complete_traffic(service: Json) -> None:
    targets = service.get("traffic") or []
    if not targets:
        targets = service["traffic"] = [{"type": LATEST, "percent": 100}]
    for position, target in enumerate(targets):
        target.setdefault("type", BY_REVISION if target.get("revision") else LATEST)
        by_revision = target["type"] == BY_REVISION
        if by_revision != bool(target.get("revision")):
            raise _violation(
                f"traffic[{position}].revision", "must be given for a target by revision, and for no other"
            )
        if target.get("percent", 0) < 0:
            raise _violation(f"traffic[{position}].percent", "must not be negative")
    total = sum(target.get("percent", 0) for target in targets)
    if total != 100:
        raise _violation("traffic", f"the percentages must add up to 100, they are {total}")
    tags = [target["tag"] for target in targets if target.get("tag")]
    if len(tags) != len(set(tags)):
        raise _violation("traffic", "a tag must not be there twice")


def _check_labels(message: Json, path: str) -> None:
    for key, value in message.get("labels", {}).items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise invalid(
                f"{path}.labels",
                f'Violation in {path}.labels: "{key}": "{value}" must have lower-case letters, digits, underscores and '
                "hyphens, at most 63, and the key must begin with a letter",
            )
    for key in message.get("annotations", {}):
        if key.partition("/")[0].endswith(_SYSTEM_NAMESPACES):
            raise invalid(f"{path}.annotations", f"Violation in {path}.annotations: {key} is a system annotation")


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
        problem: `message` and `revisionReason`, where there is one.
    """
    return {"type": kind, "state": state, "lastTransitionTime": moment} | dict(problem or {})


def _violation(field: str, description: str) -> ApiError:
    return invalid(f"service.{field}", f"Violation in service.{field}: {description}")
