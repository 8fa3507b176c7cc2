"""What is seen of a change for a while: nothing, or what was there before."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import docker
import pytest
from botocore.exceptions import ClientError

from emulator.tests.clouds import cloud_beside, settings_beside
from emulator.tests.stack import CLUSTER, Client, Services, make_role, wait_until
from slipway_emulator import cli
from slipway_emulator.google.api import Request, Routes
from slipway_emulator.google.iam.policies import Policies, project_resource
from slipway_emulator.late import Late
from slipway_emulator.settings import Settings

SECONDS = 3


class TestLate:
    @pytest.fixture
    def now(self) -> list[float]:
        """The time, which a test moves on."""
        return [100.0]

    @pytest.fixture
    def late(self, now: list[float]) -> Late:
        """Late by five seconds."""
        return Late(5, lambda: now[0])

    def test_new_thing_is_not_seen_at_first(self, now: list[float], late: Late) -> None:
        late.changed("arn:new")
        assert late.seen("arn:new", "there") is None
        assert late.seen("arn:other", "there") == "there"
        now[0] += 5
        assert late.seen("arn:new", "there") == "there"

    def test_change_is_not_seen_at_first(self, now: list[float], late: Late) -> None:
        late.changed("arn:a", "first")
        assert late.seen("arn:a", "second") == "first"
        now[0] += 5
        assert late.seen("arn:a", "second") == "second"

    def test_change_after_one_that_is_not_seen_yet(self, now: list[float], late: Late) -> None:
        late.changed("arn:a", "first")
        now[0] += 3
        late.changed("arn:a", "second")
        assert late.seen("arn:a", "third") == "first"
        now[0] += 3
        assert late.seen("arn:a", "third") == "first"
        now[0] += 2
        assert late.seen("arn:a", "third") == "third"

    def test_change_of_a_new_thing(self, now: list[float], late: Late) -> None:
        late.changed("arn:new")
        late.changed("arn:new", "first")
        assert late.seen("arn:new", "second") is None
        now[0] += 5
        assert late.seen("arn:new", "second") == "second"

    def test_off(self) -> None:
        late = Late(0)
        late.changed("arn:a", "first")
        assert late.seen("arn:a", "second") == "second"


@pytest.mark.parametrize("text", ["soon", "-1", "1.5", "٣"])
def test_number_that_is_none(text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SLIPWAY_EMULATOR_LATE_SECONDS", text)
    assert cli.main(["status"]) == 1
    expected = f"slipway-emulator: SLIPWAY_EMULATOR_LATE_SECONDS is {text!r}; it must be a whole number of seconds\n"
    assert capsys.readouterr().err == expected


def test_number_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_EMULATOR_LATE_SECONDS", "7")
    assert Settings.of_user().late_seconds == 7
    assert "--late-seconds=7" in Settings.of_user().options()


@pytest.fixture(scope="module")
def late_aws() -> Iterator[Client]:
    """Makes a boto3 client of an emulator that shows each change late."""
    settings = dataclasses.replace(settings_beside("temu-late", 12), late_seconds=SECONDS)
    with cloud_beside(settings):

        def client(service: str) -> Any:
            return boto3.client(
                service,
                endpoint_url=settings.gateway_url,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )

        yield client


@pytest.fixture(scope="module")
def late_services(late_aws: Client, engine: docker.DockerClient) -> Services:
    """A cluster there. What its tasks would run is in no registry of it."""
    del engine
    registry = late_aws("ecs").meta.endpoint_url.removeprefix("http://")
    services = Services(late_aws, f"{registry}/none:1")
    role = late_aws("iam").get_role(RoleName="temu-execution")
    # Its role is new itself.
    wait_until(lambda: time.time() >= role["Role"]["CreateDate"].timestamp() + SECONDS + 1, 2 * SECONDS)
    return services


def test_new_task_is_missing(late_services: Services) -> None:
    arn = late_services.run(late_services.define("temu-late"))
    answer = late_services.ecs.describe_tasks(cluster=CLUSTER, tasks=[arn])
    assert answer["tasks"] == []
    assert answer["failures"] == [{"arn": arn, "reason": "MISSING"}]
    wait_until(lambda: late_services.ecs.describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"], 2 * SECONDS)


def test_service_is_as_it_was(late_services: Services) -> None:
    first, second = (late_services.define("temu-late-service", VERSION=str(number)) for number in (1, 2))
    late_services.create("temu-late", first, 0)
    described = late_services.ecs.describe_services(cluster=CLUSTER, services=["temu-late"])
    assert (described["services"], described["failures"][0]["reason"]) == ([], "MISSING")
    shown = wait_until(
        lambda: late_services.ecs.describe_services(cluster=CLUSTER, services=["temu-late"])["services"], 2 * SECONDS
    )
    assert shown[0]["taskDefinition"] == first
    answer = late_services.update("temu-late", taskDefinition=second)
    assert answer["taskDefinition"] == second
    before = late_services.describe("temu-late")
    assert (before["taskDefinition"], [d["taskDefinition"] for d in before["deployments"]]) == (first, [first])
    wait_until(lambda: late_services.describe("temu-late")["taskDefinition"] == second, 2 * SECONDS)


def refusal(call: Callable[[], Any]) -> str:
    """What a call is refused with; empty where it is not."""
    try:
        call()
    except ClientError as error:
        return str(error)
    return ""


def test_ecs_does_not_know_a_new_role(late_aws: Client) -> None:
    role = make_role(late_aws, "temu-late", "ecs-tasks.amazonaws.com")

    def register() -> Any:
        container = {"name": "app", "image": "app"}
        return late_aws("ecs").register_task_definition(
            family="temu-late-role", executionRoleArn=role, containerDefinitions=[container]
        )

    assert f"is not authorized to perform: iam:PassRole on resource: {role}" in refusal(register)
    wait_until(lambda: not refusal(register), 2 * SECONDS)


def test_app_runner_does_not_know_a_new_role(late_aws: Client) -> None:
    role = make_role(late_aws, "temu-late-access", "build.apprunner.amazonaws.com")
    image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/none:1"

    def create() -> Any:
        return late_aws("apprunner").create_service(
            ServiceName="temu-late",
            SourceConfiguration={
                "AuthenticationConfiguration": {"AccessRoleArn": role},
                "ImageRepository": {"ImageIdentifier": image, "ImageRepositoryType": "ECR"},
            },
            # There is no such role: nothing is created in the end.
            InstanceConfiguration={"InstanceRoleArn": "arn:aws:iam::000000000000:role/none"},
        )

    assert f"Error in assuming access role {role}" in refusal(create)
    wait_until(lambda: "Error in assuming instance role" in refusal(create), 2 * SECONDS)


def test_policy_of_a_role_has_no_effect_at_first(late_aws: Client) -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}}
    role = late_aws("iam").create_role(
        RoleName="temu-late-grant", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    keys = late_aws("sts").assume_role(RoleArn=role, RoleSessionName="late")["Credentials"]
    buckets = boto3.client(
        "s3",
        endpoint_url=late_aws("s3").meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    grant = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [grant]})
    assert "AccessDenied" in refusal(buckets.list_buckets)
    late_aws("iam").put_role_policy(RoleName="temu-late-grant", PolicyName="list", PolicyDocument=policy)
    assert "AccessDenied" in refusal(buckets.list_buckets)
    wait_until(lambda: not refusal(buckets.list_buckets), 2 * SECONDS)
    late_aws("iam").delete_role_policy(RoleName="temu-late-grant", PolicyName="list")
    assert not refusal(buckets.list_buckets)
    wait_until(lambda: "AccessDenied" in refusal(buckets.list_buckets), 2 * SECONDS)


def test_what_was_deleted_is_still_listed(late_aws: Client) -> None:
    s3, tagging = late_aws("s3"), late_aws("resourcegroupstaggingapi")
    s3.create_bucket(Bucket="temu-late-deleted")
    s3.put_bucket_tagging(Bucket="temu-late-deleted", Tagging={"TagSet": [{"Key": "of", "Value": "temu-late"}]})
    s3.delete_bucket(Bucket="temu-late-deleted")
    found = tagging.get_resources(TagFilters=[{"Key": "of", "Values": ["temu-late"]}])["ResourceTagMappingList"]
    assert [one["ResourceARN"] for one in found] == ["arn:aws:s3:::temu-late-deleted"]


def test_policy_of_google_has_no_effect_at_first() -> None:
    now = [100.0]
    policies = Policies("owner@example.org", 5, lambda: now[0])
    routes = Routes()
    policies.serve(routes, "/cloudresourcemanager/v1/projects/{project}", project_resource, "POST")
    reader = [{"role": "roles/reader", "members": ["user:reader@example.org"]}]
    body = json.dumps({"policy": {"bindings": reader}}).encode()
    routes.answer(Request("POST", "/cloudresourcemanager/v1/projects/temu-one:setIamPolicy", {}, {}, body))
    one = project_resource("temu-one")
    assert policies.get(one)["bindings"] == reader
    assert [binding["role"] for binding in policies.bindings(one)] == ["roles/owner", "roles/run.serviceAgent"]
    now[0] += 5
    assert policies.bindings(one) == reader
