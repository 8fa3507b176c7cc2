"""ECS services behind a load balancer: rolling, rolling back and scaling, and what is said meanwhile."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from emulator.tests.stack import CLUSTER, Balancer, Client, Load, Services, ask, deployment, wait_until
from slipway_emulator.settings import Settings

WEB = "temu-web"


@pytest.fixture(scope="module")
def balancer(aws: Client) -> Iterator[Balancer]:
    balancer = Balancer(aws, "temu-services")
    yield balancer
    balancer.remove()


@pytest.fixture(scope="module")
def web(services: Services, balancer: Balancer) -> Iterator[str]:
    """A service of two healthy tasks; its task definition."""
    definition = services.define(WEB, health_check=True)
    created = services.create(WEB, definition, 2, balancer)
    assert created["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    wait_until(lambda: services.is_complete(WEB, definition))
    yield definition
    services.remove(WEB)


def consistency_problems(services: Services, stop: threading.Event, minimum: int) -> list[str]:
    """What DescribeServices and ListTasks say that cannot both be true, or should not be."""
    problems = []
    while not stop.wait(0.1):
        service = services.describe(WEB)
        in_deployments = sum(d["runningCount"] for d in service["deployments"])
        if service["runningCount"] != in_deployments:
            problems.append(f"{service['runningCount']} running, {in_deployments} in deployments")
        if service["runningCount"] < minimum:
            problems.append(f"only {service['runningCount']} running")
        primary = [d for d in service["deployments"] if d["status"] == "PRIMARY"]
        if len(primary) != 1 or primary[0]["taskDefinition"] != service["taskDefinition"]:
            problems.append(f"primary deployments {primary}, service {service['taskDefinition']}")
        tasks = services.tasks(WEB)
        # The scheduler goes on between two calls, by at most the whole size of the service.
        if not minimum <= len(tasks) <= 2 * service["desiredCount"]:
            problems.append(f"{len(tasks)} tasks listed")
    return problems


def test_complete_only_when_tasks_are_healthy(services: Services, balancer: Balancer, web: str) -> None:
    service = services.describe(WEB)
    assert (service["runningCount"], service["deployments"][0]["taskDefinition"]) == (2, web)
    assert balancer.target_states() == ["healthy", "healthy"]
    assert {task["healthStatus"] for task in services.tasks(WEB)} == {"HEALTHY"}


@pytest.mark.usefixtures("web")
def test_listeners(cloud: Settings, balancer: Balancer) -> None:
    assert ask(cloud, balancer.dns_name) == (200, "1")
    assert ask(cloud, balancer.dns_name, tls=False) == (200, "1")


@pytest.mark.usefixtures("web")
def test_tasks_have_network_interfaces(aws: Client, services: Services, balancer: Balancer) -> None:
    details = services.tasks(WEB)[0]["attachments"][0]["details"]
    found = {detail["name"]: detail["value"] for detail in details}
    interface = aws("ec2").describe_network_interfaces(NetworkInterfaceIds=[found["networkInterfaceId"]])[
        "NetworkInterfaces"
    ][0]
    assert interface["PrivateIpAddress"] == found["privateIPv4Address"]
    assert [group["GroupId"] for group in interface["Groups"]] == [balancer.security_group]


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("group-id", "sg-00000000000000000", False),
        ("description", "arn:aws:ecs:attachment/*", True),
        # The provider asks so until a load balancer that it has deleted has no interface left.
        ("description", "ELB app/web/*", False),
        ("attachment.instance-owner-id", "amazon-elb", False),
        ("tag:Name", "web", False),
    ],
)
def test_interfaces_are_filtered(aws: Client, name: str, value: str, found: bool) -> None:
    answer = aws("ec2").describe_network_interfaces(Filters=[{"Name": name, "Values": [value]}])
    assert bool(answer["NetworkInterfaces"]) == found


@pytest.mark.usefixtures("web")
def test_rolling_loses_no_request(cloud: Settings, services: Services, balancer: Balancer) -> None:
    definition = services.define(WEB, health_check=True, VERSION="2")
    over, problems = threading.Event(), []
    watcher = threading.Thread(target=lambda: problems.extend(consistency_problems(services, over, 2)))
    with Load(cloud, balancer.dns_name) as load:
        watcher.start()
        services.update(WEB, taskDefinition=definition)
        wait_until(lambda: services.is_complete(WEB, definition))
        wait_until(lambda: load.answers[-1][1] == "2")
        over.set()
        watcher.join()
    assert load.failures == []
    assert {body for _, body in load.answers} == {"1", "2"}
    assert problems == []


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    ("behaviour", "health_check", "reason"),
    [
        ("unhealthy", True, "Task failed container health checks"),
        ("crash", False, "Essential container in task exited"),
        ("unhealthy", False, "Task failed ELB health checks in (target-group"),
    ],
)
def test_broken_deployment_rolls_back(
    cloud: Settings,
    services: Services,
    balancer: Balancer,
    behaviour: str,
    health_check: bool,
    reason: str,
) -> None:
    before = services.describe(WEB)["deployments"][0]
    running = {task["taskArn"] for task in services.tasks(WEB)}
    definition = services.define(WEB, health_check=health_check, retries=1, BEHAVIOUR=behaviour, VERSION="broken")
    with Load(cloud, balancer.dns_name) as load:
        created = services.update(WEB, taskDefinition=definition)["deployments"][0]["id"]
        failed: Any = wait_until(
            lambda: next(
                (
                    d
                    for d in services.describe(WEB)["deployments"]
                    if d["id"] == created and d["rolloutState"] == "FAILED"
                ),
                None,
            )
        )
        wait_until(lambda: services.is_complete(WEB, before["taskDefinition"]))
    assert "circuit breaker" in failed["rolloutStateReason"]
    assert [task["stoppedReason"] for task in services.tasks(WEB, "STOPPED") if task["taskArn"] in running] == []
    assert load.failures == []
    assert "broken" not in {body for _, body in load.answers}
    assert services.describe(WEB)["deployments"][0]["id"] == before["id"]
    assert {task["taskArn"] for task in services.tasks(WEB)} == running
    stopped = [task for task in services.tasks(WEB, "STOPPED") if task["taskDefinitionArn"] == definition]
    # The last ones may be healthy for all anybody knows when the deployment is given up.
    failures = [task for task in stopped if not task["stoppedReason"].startswith("Scaling activity")]
    assert len(failures) >= 3
    assert all(task["stoppedReason"].startswith(reason) for task in failures)
    said = [event["message"] for event in services.describe(WEB)["events"]]
    unhealthy = re.compile(
        r"\(service [\w-]+\) \(port \d+\) is unhealthy in \(target-group arn:\S+\) due to "
        r"\(reason Health checks failed with these codes: \[503\]\)\."
    )
    assert any(map(unhealthy.fullmatch, said)) == ("ELB" in reason)
    if behaviour == "crash":
        assert {task["containers"][0]["exitCode"] for task in failures} == {3}
        assert all(services.log(task["taskArn"])[-1] == "it breaks" for task in failures)


@pytest.mark.usefixtures("web")
def test_stopped_task_is_replaced(services: Services) -> None:
    victim = services.tasks(WEB)[0]["taskArn"]
    services.ecs.stop_task(cluster=CLUSTER, task=victim, reason="for a test")
    wait_until(lambda: services.task(victim)["lastStatus"] == "STOPPED")
    task = services.task(victim)
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "for a test")
    wait_until(lambda: len([t for t in services.tasks(WEB) if t["lastStatus"] == "RUNNING"]) == 2)


@pytest.mark.usefixtures("web")
def test_container_removed_behind_our_back_is_replaced(services: Services, engine: docker.DockerClient) -> None:
    victim = services.tasks(WEB)[0]["taskArn"]
    label = f"com.amazonaws.ecs.task-arn={victim}"
    engine.containers.list(filters={"label": label})[0].remove(force=True)
    wait_until(lambda: services.task(victim)["lastStatus"] == "STOPPED")
    wait_until(lambda: services.describe(WEB)["runningCount"] == 2)


@pytest.mark.usefixtures("web")
def test_scaling_in_stops_by_the_scheduler(services: Services, balancer: Balancer) -> None:
    running = {task["taskArn"] for task in services.tasks(WEB)}
    services.update(WEB, desiredCount=1)
    wait_until(lambda: services.describe(WEB)["runningCount"] == 1 and len(balancer.target_states()) == 1)
    [stopped] = [task for task in services.tasks(WEB, "STOPPED") if task["taskArn"] in running]
    assert stopped["stopCode"] == "ServiceSchedulerInitiated"
    assert stopped["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-svc/")
    services.update(WEB, desiredCount=2)
    wait_until(lambda: balancer.target_states() == ["healthy", "healthy"])


def test_first_deployment_that_fails_ends(services: Services) -> None:
    definition = services.define("temu-broken", health_check=True, retries=1, BEHAVIOUR="crash")
    services.create("temu-broken", definition, 1)
    failed = wait_until(
        lambda: next(
            (d for d in services.describe("temu-broken")["deployments"] if d["rolloutState"] == "FAILED"),
            None,
        )
    )
    assert (failed["status"], failed["runningCount"], failed["failedTasks"]) == ("PRIMARY", 0, 3)
    services.remove("temu-broken")


def test_service_of_a_cluster_that_does_not_exist_is_not_changed(aws: Client) -> None:
    with pytest.raises(aws("ecs").exceptions.ClientError, match="not found"):
        aws("ecs").update_service(cluster="temu-none", service="temu-none", desiredCount=1)


def test_another_load_balancer_is_another_deployment(services: Services, balancer: Balancer) -> None:
    name = "temu-moving"
    definition = services.define(name, health_check=True)
    created = services.create(name, definition, 1, balancer)
    wait_until(lambda: services.is_complete(name, definition))
    (first,) = services.describe(name)["deployments"]
    # What is sent again and does not differ starts nothing.
    services.update(name, networkConfiguration=created["networkConfiguration"], loadBalancers=created["loadBalancers"])
    assert [one["id"] for one in services.describe(name)["deployments"]] == [first["id"]]
    services.update(name, loadBalancers=[])
    newest = services.describe(name)["deployments"][0]
    assert newest["id"] != first["id"]
    assert (newest["status"], newest["rolloutState"]) == ("PRIMARY", "IN_PROGRESS")
    wait_until(lambda: [one["id"] for one in services.describe(name)["deployments"]] == [newest["id"]])
    assert services.is_complete(name, definition)
    services.remove(name)


def test_single_task_is_told_to_stop_before_its_successor_starts(aws: Client, services: Services) -> None:
    name = "temu-single"
    single: dict[str, Any] = {"deploymentConfiguration": deployment(100, 0)}
    definition = services.define(name)
    with pytest.raises(aws("ecs").exceptions.InvalidParameterException, match="rebalancing does not support"):
        services.create(name, definition, 1, availabilityZoneRebalancing="ENABLED", **single)
    services.create(name, definition, 1, availabilityZoneRebalancing="DISABLED", **single)
    wait_until(lambda: services.is_complete(name, definition))
    with pytest.raises(aws("ecs").exceptions.InvalidParameterException, match="rebalancing does not support"):
        services.update(name, availabilityZoneRebalancing="ENABLED")
    [first] = services.tasks(name)
    definition = services.define(name, VERSION="2")
    services.update(name, taskDefinition=definition)
    counts = []

    def is_over() -> bool:
        counts.append(len(services.tasks(name)))
        return services.is_complete(name, definition)

    wait_until(is_over)
    assert max(counts) == 1
    [second] = services.tasks(name)
    assert second["createdAt"] >= services.task(first["taskArn"])["stoppingAt"]
    services.remove(name)


def test_deleted_service_drains(aws: Client, services: Services, engine: docker.DockerClient) -> None:
    definition = services.define("temu-leaving", STUBBORN="yes", container={"stopTimeout": 2})
    services.create("temu-leaving", definition, 1)
    wait_until(lambda: services.is_complete("temu-leaving", definition))
    task = services.tasks("temu-leaving")[0]["taskArn"]
    services.ecs.delete_service(cluster=CLUSTER, service="temu-leaving", force=True)
    assert services.describe("temu-leaving")["status"] == "DRAINING"
    with pytest.raises(aws("ecs").exceptions.ClientError, match="still Draining"):
        services.create("temu-leaving", definition, 1)
    wait_until(lambda: services.describe("temu-leaving")["status"] == "INACTIVE", 10)
    assert engine.containers.list(all=True, filters={"label": f"com.amazonaws.ecs.task-arn={task}"}) == []
