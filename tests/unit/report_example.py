"""What a deployment of seven apps leaves: states of the Terraform layers as they are, and the parts of the report."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from plugins.action.state_resources_info import read_layers
from plugins.plugin_utils.platforms import read_platforms

PROJECT = Path(__file__).parents[2]
LAYERS = PROJECT / "terraform/layers"
TEMPLATE = (PROJECT / "playbooks/files/report.html.j2").read_text()
SECRET = "correct horse battery staple"

_PLATFORMS = read_platforms(LAYERS)
_BALANCER = "module.load_balancer.aws_lb.this"
_TARGET = "module.target.aws_lb_target_group.this"

Json = dict[str, Any]

# Resources of each layer, with what each depends on: what is drawn of them, and some of the rest.
DEPENDENCIES: dict[str, dict[str, list[str]]] = {
    "network": {
        "aws_vpc.this": [],
        "aws_internet_gateway.this": ["aws_vpc.this"],
        "aws_subnet.public": ["aws_vpc.this"],
        "aws_subnet.private": ["aws_vpc.this"],
        "aws_nat_gateway.this": ["aws_internet_gateway.this", "aws_subnet.public", "aws_eip.nat"],
        "aws_eip.nat": ["aws_internet_gateway.this"],
    },
    "registry": {"aws_ecr_repository.this": [], "aws_ecr_lifecycle_policy.this": ["aws_ecr_repository.this"]},
    "data": {
        "aws_db_instance.this": ["aws_security_group.database", "aws_secretsmanager_secret.database"],
        "aws_s3_bucket.this": [],
        "aws_s3_bucket_policy.this": ["aws_s3_bucket.this"],
        "aws_secretsmanager_secret.api_key": [],
        "aws_secretsmanager_secret.database": [],
        "aws_security_group.database": [],
    },
    "service_app_runner": {"aws_apprunner_service.this": ["aws_iam_role.access"], "aws_iam_role.access": []},
    "service_cloud_run": {"google_cloud_run_v2_service.this": []},
    "service_ec2": {
        "aws_autoscaling_group.this": [_TARGET, "aws_launch_template.this"],
        "aws_launch_template.this": [],
        _BALANCER: [],
        _TARGET: [_BALANCER],
    },
    "service_ecs": {
        "aws_ecs_service.this": [_TARGET, "aws_ecs_cluster.this"],
        "aws_ecs_cluster.this": [],
        _BALANCER: ["module.load_balancer.aws_security_group.load_balancer"],
        "module.load_balancer.aws_security_group.load_balancer": [],
        _TARGET: [_BALANCER],
    },
    "service_ecs_public": {"aws_ecs_service.this": ["aws_ecs_cluster.this"], "aws_ecs_cluster.this": []},
}
_COUNTS = {"aws_subnet.public": 2, "aws_subnet.private": 2, "aws_secretsmanager_secret.database": 4}


def state_of(dependencies: dict[str, list[str]]) -> Json:
    """A state as Terraform keeps it, with secrets wherever a state has values."""
    resources = []
    for address, needs in dependencies.items():
        *module, kind, name = address.split(".")
        instance = {"attributes": {"id": SECRET, "password": SECRET}, "dependencies": needs, "private": SECRET}
        keyed = [instance | {"index_key": SECRET + str(number)} for number in range(_COUNTS.get(address, 1))]
        entry: Json = {"mode": "managed", "type": kind, "name": name, "instances": keyed}
        resources.append(entry | ({"module": ".".join(module) + f'["{SECRET}"]'} if module else {}))
    data = {
        "mode": "data",
        "type": "aws_caller_identity",
        "name": "this",
        "instances": [{"attributes": {"id": SECRET}}],
    }
    outputs = {"secret": {"value": SECRET, "type": "string", "sensitive": True}}
    return {"version": 4, "outputs": outputs, "resources": [*resources, data], "check_results": None}


class Store:
    """A bucket of states."""

    url = "s3://states"

    def __init__(self, states: dict[str, Json]) -> None:
        self._states = states

    def read(self, key: str) -> SimpleNamespace | None:
        """A state; None where there is none."""
        return SimpleNamespace(content=json.dumps(self._states[key]).encode()) if key in self._states else None


def layers_of(roots: dict[str, Path]) -> list[Json]:
    """What the module state_resources_info returns of an app or network with these roots."""
    states = {layer: state_of(DEPENDENCIES[root.name]) for layer, root in roots.items()}
    folders = {layer: str(root) for layer, root in roots.items()}
    return read_layers(cast(Any, Store(states)), {layer: layer for layer in roots}, folders)


def part(name: str, platform: str, **values: Any) -> Json:
    """What a run did for an app."""
    roots = _PLATFORMS[platform].layers
    order = [layer for layer in ("registry", "data", "service") if layer in roots]
    return {
        "name": name,
        "kind": "app",
        "platform": platform,
        "region": "us-central1" if platform == "cloud_run" else "us-east-1",
        "network": "main" if "data" in roots else "",
        "at": "2026-11-29 20:41",
        "is_finished": True,
        "failed_task": "",
        "deployed": {
            "app": name,
            "platform": platform,
            "url": f"https://{name}.example.org",
            "version": "0.1.0",
            "image_tag": "0.1.0-3f6c2d1a9b",
            "image_digest": "sha256:7dc73547c1b3f6d2a4e5968778695a4b3c2d1e0f7dc73547c1b3f6d2a4e59687",
            "processes": [],
        },
        "requests": [
            {"request": f"GET {path}", "status": 200, "attempts": 1, "problems": []}
            for path in ("/healthz", "/health", "/version", "/openapi.json")
        ],
        "layers": layers_of({layer: roots[layer] for layer in order}),
        "changes": {layer: [] for layer in order},
        "costs": [
            {"host": name, "item": "database", "number": 2, "usd": 26.28},
            {"host": name, "item": "secret", "number": 5, "usd": 2.0},
            {"host": name, "item": "load balancer", "number": 1, "usd": 16.43},
        ],
        "costs_problem": "",
    } | values


def network(name: str = "main", **values: Any) -> Json:
    """What a run did for a network."""
    layers = layers_of({"network": LAYERS / "aws/network"})
    return {
        "name": name,
        "kind": "network",
        "platform": "",
        "region": "us-east-1",
        "network": "",
        "at": "2026-11-29 20:41",
        "is_finished": True,
        "failed_task": "",
        "deployed": {},
        "requests": [],
        "layers": layers,
        "changes": {"network": ["create aws_vpc.this", 'create aws_subnet.public["us-east-1a"]']},
        "costs": [{"host": name, "item": "NAT gateway", "number": 2, "usd": 65.7}],
        "costs_problem": "",
    } | values


def seven_apps() -> list[Json]:
    """A network and seven apps: one has failed in its smoke check, one is new and failed, one has a change."""
    wrong = {"request": "GET /health", "status": 503, "attempts": 60, "problems": ["status is 503, expected 200"]}
    return [
        network(),
        part("tasks", "ecs", changes={"registry": [], "data": [], "service": ["replace aws_ecs_task_definition.this"]}),
        part(
            "beers",
            "ecs",
            is_finished=False,
            failed_task="smoke_check : Fail when an answer is wrong",
            requests=[wrong],
        ),
        part("records", "ecs_public"),
        part("web", "ec2"),
        part("hello", "app_runner", costs=[]),
        part("hello-gcp", "cloud_run", costs_problem="hello-gcp: instance: there is no price e2_hour"),
        part("new", "ecs", is_finished=False, failed_task="data : apply", deployed={}, requests=[], layers=[]),
    ]


def run(**values: Any) -> Json:
    """The run that writes the report."""
    steps = {
        "Validate": 4.1,
        "Prepare the cloud": 8.3,
        "Compare what was deployed with the cloud": 21.7,
        "Apply the network or the registry": 14.2,
        "Build and push the image": 48.9,
        "Provision the data layer": 402.6,
        "Set users and grants": 35.2,
        "Migrate the database": 29.8,
        "Run the service": 141.0,
        "Run the smoke checks": 6.4,
    }
    return {
        "environment": "dev",
        "at": "2026-11-29 20:53",
        "hosts": ["main", "tasks", "beers", "records", "web", "hello", "hello-gcp", "new"],
        "times": {
            "began": 1795984380.0,
            "seconds": sum(steps.values()),
            "steps": [{"name": name, "seconds": seconds} for name, seconds in steps.items()],
            "failed": {},
        },
    } | values
