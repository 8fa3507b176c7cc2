"""What the replacements of MiniStack's functions work with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker

    from slipway_emulator.account.regions import Regions
    from slipway_emulator.app_runner.api import AppRunner
    from slipway_emulator.autoscaling.api import AutoScaling
    from slipway_emulator.ec2.instances import Instances
    from slipway_emulator.ecr.registry import Tokens
    from slipway_emulator.ecs.tasks import Tasks
    from slipway_emulator.elbv2.target_health import TargetHealth
    from slipway_emulator.iam.decisions import Decisions
    from slipway_emulator.iam.roles import Roles
    from slipway_emulator.late import Late, LatePolicies
    from slipway_emulator.network import ContainerNetwork
    from slipway_emulator.tagging.deleted import DeletedResources


@dataclass(frozen=True)
class Parts:
    """The parts of one running emulator.

    Attributes:
        client: a client of the engine that runs the containers.
        network: the Docker network that they join and take public addresses from.
        account_plan: the plan of the AWS accounts, `paid` or `free`; some services refuse more with the latter.
        enforces_quotas: whether some services refuse what exceeds AWS's default quotas.
        registry_address: host and port of the container registry, as image names begin with it.
        registry_tokens: the passwords of the container registry.
        decisions: keeps who asked for what.
        roles: gives tasks, instances and services the roles that they act as.
        health: the load balancers' opinion of each target.
        tasks: watches and stops ECS tasks.
        instances: launches and ends EC2 instances.
        autoscaling: EC2 Auto Scaling.
        app_runner: App Runner.
        regions: which regions the accounts have enabled.
        deleted: what the tagging API still lists.
        late: what is seen of things that have just changed.
        late_policies: which policies of a role have an effect.
        alarm_listeners: are told of every alarm that changes its state, and of the new state.
        at_stop: are called before the containers are stopped, each of which would be replaced otherwise.
        ecs_scheduling: held by whoever looks after an ECS service. One for all: what it guards takes milliseconds and
            calls itself.
    """

    client: docker.DockerClient
    network: ContainerNetwork
    account_plan: str
    enforces_quotas: bool
    registry_address: str
    registry_tokens: Tokens
    decisions: Decisions
    roles: Roles
    health: TargetHealth
    tasks: Tasks
    instances: Instances
    autoscaling: AutoScaling
    app_runner: AppRunner
    regions: Regions
    deleted: DeletedResources
    late: Late
    late_policies: LatePolicies
    alarm_listeners: list[Callable[[dict[str, Any], str], None]]
    at_stop: list[Callable[[], None]]
    ecs_scheduling: threading.RLock = field(default_factory=threading.RLock)

    def is_in_registry(self, image: str) -> bool:
        """Whether an image is in ECR's private registry."""
        return image.startswith(f"{self.registry_address}/")
