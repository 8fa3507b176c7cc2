"""Deployments and tasks of ECS whose API answers as if the last change had not been made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from ansible_collections.slipway.provision.plugins.action import ecs_run_task
from ansible_collections.slipway.provision.plugins.plugin_utils import ecs_tasks, task_log
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.deployment import Request
from ansible_collections.slipway.provision.plugins.plugin_utils.deployments import ecs
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from images.database_access import run

OLD, NEW = (f"arn:aws:ecs:us-east-1:000000000000:task-definition/app:{revision}" for revision in (1, 2))
ROLE = "arn:aws:iam::000000000000:role/app-task"
TASK = "arn:aws:ecs:us-east-1:000000000000:task/app/1"
OUTPUTS = {
    "cluster_name": "app",
    "log_group_name": "app/service",
    "service_name": "app",
    "task_definition_arn": NEW,
}

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that reaches nobody, and no time between two looks."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr("time.sleep", lambda _: None)


@pytest.fixture
def deployment() -> ecs.Deployment:
    return ecs.Deployment(Request(OUTPUTS, "sha256:1", 60, "us-east-1"))


@pytest.fixture
def answers(deployment: ecs.Deployment) -> Iterator[Stubber]:
    """What ECS answers, one after the other; all of it must be asked for."""
    with Stubber(deployment._ecs) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def rollout(identifier: str, definition: str, state: str, status: str = "PRIMARY", running: int = 1) -> Json:
    return {
        "id": identifier,
        "taskDefinition": definition,
        "rolloutState": state,
        "rolloutStateReason": "the reason",
        "status": status,
        "desiredCount": 1,
        "runningCount": running,
        "pendingCount": 0,
    }


def describe(answers: Stubber, *deployments: Json) -> None:
    service = {"status": "ACTIVE", "taskDefinition": deployments[0]["taskDefinition"], "deployments": [*deployments]}
    answers.add_response("describe_services", {"services": [service], "failures": []})


BEFORE = rollout("d-1", OLD, "COMPLETED")
LEAVING = rollout("d-1", OLD, "COMPLETED", "ACTIVE")


def test_answer_that_is_older_than_the_deployment_is_no_rollback(deployment: ecs.Deployment, answers: Stubber) -> None:
    describe(answers, BEFORE)
    describe(answers, rollout("d-2", NEW, "IN_PROGRESS"), LEAVING)
    describe(answers, BEFORE)
    describe(answers, rollout("d-2", NEW, "COMPLETED"))
    assert deployment.follow() == "d-2"


def test_service_that_is_not_shown_yet(deployment: ecs.Deployment, answers: Stubber) -> None:
    answers.add_response("describe_services", {"services": [], "failures": [{"reason": "MISSING"}]})
    describe(answers, rollout("d-2", NEW, "COMPLETED"))
    assert deployment.follow() == "d-2"


def test_failed_deployment_of_before_is_not_this_one(deployment: ecs.Deployment, answers: Stubber) -> None:
    describe(answers, BEFORE, rollout("d-0", NEW, "FAILED", "ACTIVE", 0))
    describe(answers, rollout("d-2", NEW, "COMPLETED"), rollout("d-0", NEW, "FAILED", "ACTIVE", 0))
    assert deployment.follow() == "d-2"


def test_rollback_is_one_when_it_lasts(
    deployment: ecs.Deployment, answers: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ecs, "LATE_SECONDS", -1)
    describe(answers, BEFORE)
    answers.add_response("list_tasks", {"taskArns": []})
    with pytest.raises(
        ActionError, match=r"was rolled back and removed\.\nThe service was rolled back and still serves"
    ):
        deployment.follow()


def test_service_that_there_is_not(
    deployment: ecs.Deployment, answers: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ecs, "LATE_SECONDS", -1)
    answers.add_response("describe_services", {"services": [], "failures": [{"reason": "MISSING"}]})
    with pytest.raises(ActionError, match="there is no service app in cluster app"):
        deployment.follow()


def test_process_is_a_service_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its deployment is named with it, and the log that is shown is its own."""
    monkeypatch.setattr(ecs, "LATE_SECONDS", -1)
    worker = {"service_name": "app_worker", "task_definition_arn": NEW}
    request = Request(
        OUTPUTS | {"task_definition_arn": OLD, "processes": {"worker": worker}}, "sha256:1", 60, "us-east-1"
    )
    process = ecs.Deployment(request).processes()["worker"]
    assert isinstance(process, ecs.Deployment)
    container = {"name": "app", "exitCode": 1}
    task = {
        "taskArn": TASK,
        "lastStatus": "STOPPED",
        "taskDefinitionArn": NEW,
        "stoppedReason": "Essential container in task exited",
    }
    options = {"awslogs-group": "app/service", "awslogs-stream-prefix": "worker"}
    definition = {"name": "app", "logConfiguration": {"logDriver": "awslogs", "options": options}}
    with Stubber(process._ecs) as answers, Stubber(process._logs) as logs:
        failed = rollout("d-2", NEW, "FAILED", "ACTIVE", 0)
        service = {"status": "ACTIVE", "taskDefinition": OLD, "deployments": [BEFORE, failed | {"createdAt": 1}]}
        answers.add_response(
            "describe_services", {"services": [service]}, {"cluster": "app", "services": ["app_worker"]}
        )
        stopped = {"cluster": "app", "serviceName": "app_worker", "desiredStatus": "STOPPED"}
        answers.add_response("list_tasks", {"taskArns": [TASK]}, stopped)
        answers.add_response("describe_tasks", {"tasks": [task | {"containers": [container]}], "failures": []})
        answers.add_response("describe_task_definition", {"taskDefinition": {"containerDefinitions": [definition]}})
        stream = {"logGroupName": "app/service", "logStreamName": "worker/app/1", "limit": 15, "startFromHead": False}
        logs.add_response("get_log_events", {"events": [{"timestamp": 1, "message": "no broker"}]}, stream)
        with pytest.raises(ActionError) as raised:
            process.follow()
    said = str(raised.value)
    assert f"The deployment of {NEW} to process worker (service app_worker) failed: the reason." in said
    assert f"The service was rolled back and still runs {OLD}." in said
    assert "exit code 1\n  | no broker" in said


def test_state_of_before_there_were_processes_has_none(deployment: ecs.Deployment) -> None:
    assert deployment.processes() == {}


def test_tasks_of_more_than_one_page(deployment: ecs.Deployment, answers: Stubber) -> None:
    arns = [f"{TASK}{number}" for number in range(101)]
    answers.add_response("list_tasks", {"taskArns": arns[:100], "nextToken": "more"})
    answers.add_response("list_tasks", {"taskArns": arns[100:]})
    for part in (arns[:100], arns[100:]):
        tasks = [{"taskArn": arn, "lastStatus": "RUNNING"} for arn in part]
        answers.add_response("describe_tasks", {"tasks": tasks, "failures": []}, {"cluster": "app", "tasks": part})
    assert [task["taskArn"] for task in deployment.tasks("RUNNING")] == arns


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ClientException", f"ECS was unable to assume the role '{ROLE}' that was provided for this task."),
        ("AccessDeniedException", f"User: me is not authorized to perform: iam:PassRole on resource: {ROLE} because"),
    ],
)
def test_role_that_ecs_does_not_know_yet(code: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Stubber(boto3.client("ecs", "us-east-1")) as stubber:

        def start() -> Json:
            started: Json = ecs_run_task._with_new_roles(lambda: stubber.client.run_task(taskDefinition=NEW))
            return started

        stubber.add_client_error("run_task", code, said)
        stubber.add_response("run_task", {"tasks": [{"taskArn": TASK}]})
        assert start()["tasks"][0]["taskArn"] == TASK
        stubber.add_client_error("run_task", code, "another reason")
        with pytest.raises(ClientError, match="another reason"):
            start()
        monkeypatch.setattr(ecs_run_task, "_NEW_ROLE_SECONDS", -1)
        stubber.add_client_error("run_task", code, said)
        with pytest.raises(ClientError, match=code):
            start()


def lists(answers: Stubber, desired: str, status: str = "") -> None:
    """One task with this status, or none, is listed by its desired status."""
    criteria = {"cluster": "app", "family": "app-migration", "desiredStatus": desired}
    answers.add_response("list_tasks", {"taskArns": [TASK] if status else []}, criteria)
    if status:
        answers.add_response("describe_tasks", {"tasks": [{"taskArn": TASK, "lastStatus": status}], "failures": []})


class TestEarlierTasks:
    """What a run that was killed has started."""

    @pytest.fixture
    def client(self) -> Iterator[Stubber]:
        """A client of ECS that lists one task of the same purpose."""
        with Stubber(boto3.client("ecs", "us-east-1")) as stubber:
            lists(stubber, "RUNNING", "RUNNING")
            yield stubber
            stubber.assert_no_pending_responses()

    def end(self, stubber: Stubber, timeout_seconds: int, stop_earlier: bool = True) -> None:
        arguments = {"cluster": "app", "family": "app-migration", "timeout_seconds": timeout_seconds}
        ecs_run_task._end_earlier_tasks(stubber.client, arguments | {"stop_earlier": stop_earlier})

    def shows(self, stubber: Stubber, status: str) -> None:
        stubber.add_response("describe_tasks", {"tasks": [{"lastStatus": status}], "failures": []})

    def test_are_waited_for(self, client: Stubber, capsys: pytest.CaptureFixture[str]) -> None:
        for status in ("PROVISIONING", "RUNNING", "STOPPED"):
            self.shows(client, status)
        lists(client, "STOPPED")
        self.end(client, 60)
        assert f"waits for the end of {TASK}, which an earlier run has started" in capsys.readouterr().out

    def test_that_run_too_long_are_stopped(self, client: Stubber) -> None:
        self.shows(client, "RUNNING")
        client.add_response("stop_task", {}, {"cluster": "app", "task": TASK, "reason": "ran longer than it may"})
        self.shows(client, "DEPROVISIONING")
        self.shows(client, "STOPPED")
        lists(client, "STOPPED", "STOPPED")
        self.end(client, -1)

    def test_that_do_not_stop_are_an_error(self, client: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ecs_run_task, "_STOP_SECONDS", -1)
        self.shows(client, "RUNNING")
        client.add_response("stop_task", {})
        self.shows(client, "STOPPING")
        with pytest.raises(ActionError, match=f"the task {TASK} still runs"):
            self.end(client, -1)

    def test_are_not_stopped_by_a_dry_run(self, client: Stubber) -> None:
        self.shows(client, "RUNNING")
        with pytest.raises(ActionError, match=f"the task {TASK} of another run still runs"):
            self.end(client, -1, stop_earlier=False)

    def test_that_are_stopping_are_waited_for(self) -> None:
        with Stubber(boto3.client("ecs", "us-east-1")) as stubber:
            lists(stubber, "RUNNING")
            lists(stubber, "STOPPED", "DEPROVISIONING")
            self.shows(stubber, "STOPPED")
            self.end(stubber, 60)
            stubber.assert_no_pending_responses()


class TestOneTask:
    """A task of its own, which ECS does not show at first."""

    @pytest.fixture
    def clients(self) -> Iterator[tuple[Stubber, Stubber]]:
        """Of ECS, which starts the task, and of CloudWatch Logs."""
        client, logs = (Stubber(boto3.client(name, "us-east-1")) for name in ("ecs", "logs"))
        expected = {"cluster": "app", "taskDefinition": NEW}
        others = dict.fromkeys(("launchType", "networkConfiguration"), ANY)
        client.add_response("run_task", {"tasks": [{"taskArn": TASK}], "failures": []}, expected | others)
        with client, logs:
            yield client, logs
            client.assert_no_pending_responses()
            logs.assert_no_pending_responses()

    def run(self, clients: tuple[Stubber, Stubber], **options: Any) -> Json:
        arguments = {
            "assign_public_ip": False,
            "cluster": "app",
            "expect_result": False,
            "family": "app-migration",
            "log_group": "app/migration",
            "log_stream_prefix": "migration",
            "security_groups": ["sg-1"],
            "subnets": ["subnet-1"],
            "timeout_seconds": 60,
        }
        definition = {"taskDefinitionArn": NEW}
        result: Json = ecs_run_task._run(clients[0].client, clients[1].client, definition, arguments | options)
        return result

    def end(self, clients: tuple[Stubber, Stubber], exit_code: int, *events: list[str]) -> None:
        """Have the task end with an exit code, and its log show these lines, one answer after the other."""
        container = {"name": "task", "exitCode": exit_code}
        task = {"lastStatus": "STOPPED", "containers": [container], "stoppedAt": datetime.now(UTC)}
        clients[0].add_response("describe_tasks", {"tasks": [task], "failures": []})
        for lines in events:
            answer = {"events": [{"message": line} for line in lines], "nextForwardToken": "f"}
            stream = {"logGroupName": "app/migration", "logStreamName": "migration/task/1", "startFromHead": True}
            clients[1].add_response("get_log_events", answer, stream | ({"nextToken": "f"} if self.asked else {}))
            self.asked = True

    asked = False

    def test_is_waited_for(self, clients: tuple[Stubber, Stubber]) -> None:
        missing = {"tasks": [], "failures": [{"arn": TASK, "reason": "MISSING"}]}
        clients[0].add_response("describe_tasks", missing)
        self.end(clients, 0, ["done"], [], [])
        result = self.run(clients)
        assert (result["exit_code"], result["task_arn"]) == (0, TASK)

    def test_that_runs_too_long_is_stopped_before_another_may_run(self, clients: tuple[Stubber, Stubber]) -> None:
        client, logs = clients
        for status in ("RUNNING", "DEPROVISIONING", "STOPPED"):
            client.add_response("describe_tasks", {"tasks": [{"lastStatus": status}], "failures": []})
            if status == "RUNNING":
                client.add_response("stop_task", {})
        logs.add_client_error("get_log_events", "ResourceNotFoundException")
        result = self.run(clients, timeout_seconds=-1)
        assert (result["failed"], result["msg"]) == (True, f"task {TASK} still ran after -1 s and was stopped")

    def test_never_shown(self, clients: tuple[Stubber, Stubber], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ecs_tasks, "LATE_SECONDS", -1)
        client, logs = clients
        client.add_response("describe_tasks", {"tasks": [], "failures": [{"arn": TASK, "reason": "MISSING"}]})
        logs.add_client_error("get_log_events", "ResourceNotFoundException")
        result = self.run(clients)
        assert result["failed"]
        assert "whether it has done its work is not known. See its log in app/migration" in result["msg"]

    def test_result_is_joined_whatever_comes_first_and_not_shown(
        self, clients: tuple[Stubber, Stubber], capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = {"error": "", "statements": ['GRANT "ü" TO PUBLIC'] * 1000}
        lines = run.parts(json.dumps(found))
        assert len(lines) > 2
        assert max(map(len, lines)) < 8100
        self.end(clients, 0, ["begins"], [], [*lines[1:]], [], [lines[0], "ends"], [])
        result = self.run(clients, expect_result=True)
        assert result["result"] == found
        shown = capsys.readouterr().out
        assert "begins" in shown
        assert "ends" in shown
        assert "slipway-result" not in shown

    def test_result_of_a_task_that_failed(self, clients: tuple[Stubber, Stubber]) -> None:
        self.end(clients, 1, run.parts('{"error": "no"}'), [], [])
        result = self.run(clients, expect_result=True)
        assert (result["failed"], result["result"]) == (True, {"error": "no"})

    def test_result_that_never_comes(self, clients: tuple[Stubber, Stubber], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(task_log, "_RESULT_SECONDS", -1)
        self.end(clients, 0, ["hello", "slipway-result 1/2 {"], [], [])
        result = self.run(clients, expect_result=True)
        assert result["failed"]
        assert "the result of the task" in result["msg"]
        assert "hello" in result["msg"]
        assert "result" not in result
