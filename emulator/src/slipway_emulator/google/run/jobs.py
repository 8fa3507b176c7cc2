"""Cloud Run Admin API v2: jobs, their executions and the tasks of these, which run to their end."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import logging
import time

from slipway_emulator.google.api import ApiError, Json, Request, Response, new_id, new_suffix, now, page
from slipway_emulator.google.iam.access import denied
from slipway_emulator.google.iam.permissions import Need
from slipway_emulator.google.iam.service_accounts import default_account
from slipway_emulator.google.messages import (
    ANY,
    BOOL,
    DURATION,
    INT32,
    STRING,
    Map,
    Present,
    check,
    duration_seconds,
)
from slipway_emulator.google.run.instances import StartError
from slipway_emulator.google.run.resources import (
    FAILED,
    PARENT,
    RECONCILING,
    SUCCEEDED,
    TYPE,
    Collection,
    Shared,
    check_etag,
    missing,
)
from slipway_emulator.google.run.services import (
    CONTAINER,
    EXECUTION_ENVIRONMENT,
    LAUNCH_STAGE,
    OUTPUT_ONLY,
    RESERVED_NAMES,
    VPC_ACCESS,
    check_environment,
    check_id,
    check_known,
    check_labels,
    check_second_generation,
    complete_container,
    complete_network,
    condition,
)
from slipway_emulator.google.run.violations import ViolationError, violations
from slipway_emulator.google.run.volumes import VOLUME, check_volumes
from slipway_emulator.network import ENGINE_ERRORS

_LOG = logging.getLogger(__name__)
_JOBS = f"{PARENT}/jobs"
_EXECUTIONS = f"{_JOBS}/{{job}}/executions"
_TASKS = f"{_EXECUTIONS}/{{execution}}/tasks"
_TASK_TEMPLATE = {
    "containers": [CONTAINER],
    "volumes": [VOLUME],
    "maxRetries": Present(INT32),
    "timeout": DURATION,
    "serviceAccount": STRING,
    "executionEnvironment": EXECUTION_ENVIRONMENT,
    "encryptionKey": STRING,
    "vpcAccess": VPC_ACCESS,
    "nodeSelector": ANY,
    "gpuZonalRedundancyDisabled": BOOL,
}
_TEMPLATE = {
    "labels": Map(STRING),
    "annotations": Map(STRING),
    "parallelism": INT32,
    "taskCount": INT32,
    "template": _TASK_TEMPLATE,
    "client": STRING,
    "clientVersion": STRING,
}
# What a caller sets.
_WRITABLE = {
    "name": STRING,
    "labels": Map(STRING),
    "annotations": Map(STRING),
    "client": STRING,
    "clientVersion": STRING,
    "launchStage": LAUNCH_STAGE,
    "binaryAuthorization": ANY,
    "template": _TEMPLATE,
    "startExecutionToken": STRING,
    "runExecutionToken": STRING,
    "etag": STRING,
}
# What a caller may send back, and the API ignores.
_OUTPUT_ONLY = OUTPUT_ONLY | {
    "executionCount": INT32,
    "latestCreatedExecution": ANY,
}
_RUN_REQUEST = {
    "validateOnly": BOOL,
    "etag": STRING,
    "overrides": {
        "containerOverrides": [{"name": STRING, "args": [STRING], "env": CONTAINER["env"], "clearArgs": BOOL}],
        "taskCount": INT32,
        "timeout": DURATION,
    },
}
_OWN = tuple(name for name in _WRITABLE if name not in ("name", "etag"))
# "Environment variables" of the container runtime contract, of jobs.
_RESERVED = f"{RESERVED_NAMES}|CLOUD_RUN_(JOB|EXECUTION|TASK_INDEX|TASK_ATTEMPT|TASK_COUNT)"
# "Set task timeout", "Set maximum retries", "Set parallelism" and "Create jobs".
_DEFAULT_TIMEOUT, _LONGEST_TIMEOUT_SECONDS = "600s", 7 * 24 * 3600
_DEFAULT_RETRIES, _MOST_RETRIES = 3, 10
_MOST_TASKS = 10_000
_TIMED_OUT, _EXITED = "The configured timeout was reached.", "The container exited with an error."


@dataclasses.dataclass
class _Execution:
    """A run of a job.

    Attributes:
        record: the message of the API.
        tasks: messages of its tasks, by the last part of their name.
        running: what runs it, until it has ended.
    """

    record: Json
    tasks: dict[str, Json] = dataclasses.field(default_factory=dict)
    running: asyncio.Task[None] | None = None


@dataclasses.dataclass
class Job:
    """A job and its executions, oldest first.

    Attributes:
        record: the message of the API.
        executions: by the last part of their name.
    """

    record: Json
    executions: dict[str, _Execution] = dataclasses.field(default_factory=dict)


class Jobs:
    """All jobs.

    Args:
        shared: what all kinds of resources need.
    """

    def __init__(self, shared: Shared) -> None:
        self._jobs: Collection[Job] = Collection("jobs", "JOB")
        self._shared = shared
        routes = shared.routes
        routes.add("POST", _JOBS, self._create)
        routes.add("GET", _JOBS, self._jobs.list)
        routes.add("GET", f"{_JOBS}/{{job}}", self._get)
        routes.add("PATCH", f"{_JOBS}/{{job}}", self._patch)
        routes.add("DELETE", f"{_JOBS}/{{job}}", self._delete)
        routes.add("POST", f"{_JOBS}/{{job}}:run", self._run)
        routes.add("GET", _EXECUTIONS, self._list_executions)
        routes.add("GET", f"{_EXECUTIONS}/{{execution}}", self._get_execution)
        routes.add("DELETE", f"{_EXECUTIONS}/{{execution}}", self._delete_execution)
        routes.add("POST", f"{_EXECUTIONS}/{{execution}}:cancel", self._cancel)
        routes.add("GET", _TASKS, self._list_tasks)
        routes.add("GET", f"{_TASKS}/{{task}}", self._get_task)
        shared.policies.serve(routes, f"{_JOBS}/{{job}}", lambda **names: self._find(**names).record["name"])

    def _find(self, project: str, location: str, job: str) -> Job:
        return self._jobs.find(project, location, job)

    def _create(self, request: Request, project: str, location: str) -> Response:
        wanted = _checked(request.json())
        identifier = request.query.get("jobId") or request.query.get("job_id") or ""
        check_id(identifier, "Job")
        whole = self._completed(wanted, project, location, request.principal, "CreateJobRequest")
        name = self._jobs.full_name(project, location, identifier)
        self._jobs.check_new(name)
        record = whole | {
            "name": name,
            "uid": new_id(),
            "generation": "0",
            "observedGeneration": "0",
            "createTime": now(),
            "creator": request.principal,
        }
        if request.query.get("validateOnly") == "true":
            return self._shared.dry(project, location, _message("Job", record))
        job = self._jobs.resources[name] = Job(record)
        return Response(200, self._settle(job, request, project, location))

    def _patch(self, request: Request, project: str, location: str, job: str) -> Response:
        wanted = _checked(request.json())
        name = self._jobs.full_name(project, location, job)
        if request.query.get("allowMissing") == "true" and name not in self._jobs.resources:
            query = dict(request.query) | {"jobId": job}
            return self._create(dataclasses.replace(request, query=query), project, location)
        found = self._find(project, location, job)
        check_etag(found.record, wanted.pop("etag", ""))
        whole = self._completed(wanted, project, location, request.principal, "UpdateJobRequest")
        if request.query.get("validateOnly") == "true":
            return self._shared.dry(project, location, _message("Job", found.record | whole))
        for field in _OWN:
            found.record.pop(field, None)
        found.record |= whole
        return Response(200, self._settle(found, request, project, location))

    def _completed(self, wanted: Json, project: str, location: str, principal: str, request: str) -> Json:
        own = {field: value for field, value in wanted.items() if field not in ("name", "etag")}
        with violations(f"{request}.job"):
            whole = _complete(copy.deepcopy(own), default_account(project), self._shared.registry)
        task = whole["template"]["template"]
        self._shared.check_account(principal, project, task["serviceAccount"])
        self._shared.networks.check(task, project, location, "job.template.template")
        return whole

    def _settle(self, job: Job, request: Request, project: str, location: str) -> Json:
        """Look whether what a job needs is there; executions of before go on as they began."""
        record = job.record
        self._shared.networks.hold(record["name"], record["template"]["template"])
        generation = str(int(record["generation"]) + 1)
        record |= {
            "generation": generation,
            "updateTime": now(),
            "lastModifier": request.principal,
            "etag": f'"{new_id()}"',
            "reconciling": True,
            "terminalCondition": condition("Ready", RECONCILING, now()),
        }
        operation = self._shared.operations.begin(project, location, _message("Job", record))

        async def settle() -> None:
            problem: Json | None = None
            try:
                await self._shared.instances.check(record["template"]["template"] | {"name": record["name"]})
            except StartError as error:
                problem = {"message": error.message, **error.reason}
            except ENGINE_ERRORS as error:
                _LOG.exception("%s", record["name"])
                problem = {"message": f"An internal error has occurred: {error}", "reason": "INTERNAL"}
            if record["generation"] == generation:
                # Otherwise a newer change says how that ends.
                state = FAILED if problem else SUCCEEDED
                record["terminalCondition"] = condition("Ready", state, now(), problem)
                record["conditions"] = [condition("ContainerReady", state, now(), problem)]
                record["reconciling"] = False
                if not problem:
                    record["observedGeneration"] = generation
            if problem:
                status = "INTERNAL" if problem.get("reason") == "INTERNAL" else "FAILED_PRECONDITION"
                self._shared.operations.fail(operation, ApiError(status, problem["message"]))
            else:
                self._shared.operations.succeed(operation, _message("Job", record))

        self._shared.spawn(settle())
        return operation

    def _get(self, _: Request, project: str, location: str, job: str) -> Response:
        return Response(200, self._find(project, location, job).record)

    def _delete(self, request: Request, project: str, location: str, job: str) -> Response:
        found = self._find(project, location, job)
        record = found.record
        check_etag(record, request.query.get("etag", ""))
        if request.query.get("validateOnly") == "true":
            return self._shared.dry(project, location, _message("Job", record))
        operation = self._shared.operations.begin(project, location, _message("Job", record))
        del self._jobs.resources[record["name"]]
        self._shared.policies.forget(record["name"])

        async def remove() -> None:
            await asyncio.gather(*(_stop(execution) for execution in found.executions.values()))
            self._shared.networks.let_go(record["name"])
            self._shared.operations.succeed(operation, _message("Job", record) | {"deleteTime": now()})

        self._shared.spawn(remove())
        return Response(200, operation)

    # Executions.

    def _run(self, request: Request, project: str, location: str, job: str) -> Response:
        body = check(_RUN_REQUEST, request.json(), "")
        found = self._find(project, location, job)
        record = found.record
        check_etag(record, body.get("etag", ""))
        permission = "run.jobs.runWithOverrides"
        if body.get("overrides") and not self._shared.access.allows(
            request.principal, permission, project, record["name"]
        ):
            raise denied(request.principal, Need("run", permission), record["name"])
        with violations("RunJobRequest"):
            template = _overridden(copy.deepcopy(record["template"]), body.get("overrides", {}))
        if record["terminalCondition"]["state"] != SUCCEEDED:
            raise ApiError("FAILED_PRECONDITION", f"Job '{job}' is not ready: it cannot be run.")
        suffix = new_suffix(5)
        execution = _Execution(_new_execution(record, template, f"{job}-{suffix}", request.principal))
        message = _message("Execution", execution.record)
        if body.get("validateOnly"):
            return self._shared.dry(project, location, message)
        found.executions[f"{job}-{suffix}"] = execution
        record["executionCount"] = record.get("executionCount", 0) + 1
        record["latestCreatedExecution"] = {
            "name": f"{job}-{suffix}",
            "createTime": execution.record["createTime"],
            "completionStatus": "EXECUTION_RUNNING",
        }
        operation = self._shared.operations.begin(project, location, message)
        execution.running = self._shared.spawn(self._execute(found, execution, operation))
        return Response(200, operation)

    async def _execute(self, job: Job, execution: _Execution, operation: Json) -> None:
        """Run the tasks of an execution, and say how that ends."""
        record = execution.record
        began = time.monotonic()
        record["startTime"] = now()
        record["runningCount"] = record["taskCount"]
        for index in range(record["taskCount"]):
            task = _new_task(record, index)
            execution.tasks[task["name"].rpartition("/")[2]] = task
        places = asyncio.Semaphore(record["parallelism"] or record["taskCount"])
        problem: dict[str, str] = {}
        try:
            tasks = execution.tasks.values()
            messages = await asyncio.gather(*(self._run_task(record, task, places) for task in tasks))
            failures = [message for message in messages if message]
            problem = {"message": failures[0], "executionReason": "NON_ZERO_EXIT_CODE"} if failures else {}
        except asyncio.CancelledError:
            # Its containers are gone; whoever cancelled it waits for what is written here.
            problem = {"message": "The execution was cancelled.", "executionReason": "CANCELLED"}
            record["cancelledCount"] = record["taskCount"] - _count(record, "succeededCount", "failedCount")
        done = f"Execution completed successfully in {time.monotonic() - began:.2f}s."
        record |= {
            "completionTime": now(),
            "updateTime": now(),
            "reconciling": False,
            "observedGeneration": record["generation"],
            "conditions": [
                condition("Completed", FAILED if problem else SUCCEEDED, now(), problem or {"message": done}),
                *record["conditions"][1:],
            ],
        }
        record.pop("runningCount", None)
        latest = job.record.get("latestCreatedExecution", {})
        if latest.get("name") == record["name"].rpartition("/")[2]:
            how = "CANCELLED" if record.get("cancelledCount") else "FAILED" if problem else "SUCCEEDED"
            latest |= {"completionTime": record["completionTime"], "completionStatus": f"EXECUTION_{how}"}
        if problem:
            self._shared.operations.fail(operation, ApiError("FAILED_PRECONDITION", problem["message"]))
        else:
            self._shared.operations.succeed(operation, _message("Execution", record))

    async def _run_task(self, execution: Json, task: Json, places: asyncio.Semaphore) -> str:
        """Run a task as often as it may fail; why it has failed, empty where it has not."""
        async with places:
            task["startTime"] = now()
            for attempt in range(task["maxRetries"] + 1):
                if attempt:
                    task["retried"] = attempt
                    execution["retriedCount"] = _count(execution, "retriedCount") + (attempt == 1)
                result: Json = {}
                try:
                    code = await self._shared.instances.run(task, attempt, execution["taskCount"])
                    what = _TIMED_OUT if code is None else _EXITED
                    result = {} if code is None else {"exitCode": code}
                except StartError as error:
                    code, what = None, error.message
                except ENGINE_ERRORS as error:
                    _LOG.exception("%s", task["name"])
                    code, what = None, f"An internal error has occurred: {error}"
                task["lastAttemptResult"] = result | {"status": {} if code == 0 else {"code": 9, "message": what}}
                if code == 0:
                    break
        failed = code != 0
        problem = {"message": what, "executionReason": "NON_ZERO_EXIT_CODE"} if failed else None
        task |= {
            "completionTime": now(),
            "reconciling": False,
            "conditions": [condition("Completed", FAILED if failed else SUCCEEDED, now(), problem)],
        }
        counter = "failedCount" if failed else "succeededCount"
        execution[counter] = _count(execution, counter) + 1
        execution["runningCount"] = _count(execution, "runningCount") - 1
        return f"Task {task['name'].rpartition('/')[2]} failed with message: {what}" if failed else ""

    def _execution(self, project: str, location: str, job: str, execution: str) -> _Execution:
        found = self._find(project, location, job).executions.get(execution)
        if found is None:
            raise missing("EXECUTION", project, location, execution)
        return found

    def _list_executions(self, request: Request, project: str, location: str, job: str) -> Response:
        # The newest first.
        executions = reversed(self._find(project, location, job).executions.values())
        return Response(200, page([execution.record for execution in executions], request, "executions"))

    def _get_execution(self, _: Request, **names: str) -> Response:
        return Response(200, self._execution(**names).record)

    def _delete_execution(self, _: Request, project: str, location: str, job: str, execution: str) -> Response:
        found = self._execution(project, location, job, execution)
        if found.running and not found.running.done():
            raise ApiError("FAILED_PRECONDITION", f"Execution '{execution}' is running, and cannot be deleted.")
        del self._find(project, location, job).executions[execution]
        return self._shared.dry(project, location, _message("Execution", found.record))

    def _cancel(self, _: Request, project: str, location: str, job: str, execution: str) -> Response:
        found = self._execution(project, location, job, execution)
        if not found.running or found.running.done():
            raise ApiError("FAILED_PRECONDITION", f"Execution '{execution}' has ended, and cannot be cancelled.")
        operation = self._shared.operations.begin(project, location, _message("Execution", found.record))

        async def cancel() -> None:
            await _stop(found)
            self._shared.operations.succeed(operation, _message("Execution", found.record))

        self._shared.spawn(cancel())
        return Response(200, operation)

    def _list_tasks(self, request: Request, **names: str) -> Response:
        return Response(200, page(list(self._execution(**names).tasks.values()), request, "tasks"))

    def _get_task(self, _: Request, project: str, location: str, job: str, execution: str, task: str) -> Response:
        found = self._execution(project, location, job, execution).tasks.get(task)
        if found is None:
            raise missing("TASK", project, location, task)
        return Response(200, found)


async def _stop(execution: _Execution) -> None:
    """End what an execution runs, and wait until it has said so."""
    if execution.running:
        execution.running.cancel()
        await asyncio.gather(execution.running, return_exceptions=True)


def _checked(body: Json) -> Json:
    found: Json = check(_WRITABLE | _OUTPUT_ONLY, body, "job")
    return {name: value for name, value in found.items() if name in _WRITABLE}


def _complete(whole: Json, account: str, registry: str) -> Json:
    check_labels(whole, "")
    for name in ("startExecutionToken", "runExecutionToken"):
        if whole.get(name):
            raise ViolationError(name, "the rehearsal runs a job by its method `run` alone")
    if not isinstance(whole.get("template"), dict):
        raise ViolationError("template", "required field not present.")
    execution = whole["template"]
    check_labels(execution, "template.")
    if not isinstance(execution.get("template"), dict):
        raise ViolationError("template.template", "required field not present.")
    _check_count(execution.setdefault("taskCount", 1), "template.task_count")
    if not 0 <= execution.get("parallelism", 0) <= execution["taskCount"]:
        raise ViolationError("template.parallelism", f"must be from 0 to task_count ({execution['taskCount']})")
    task = execution["template"]
    containers = task.get("containers", [])
    if len(containers) != 1:
        raise ViolationError("template.template.containers", "the rehearsal runs exactly one container of a task")
    complete_container(containers[0], "template.template.containers[0]", registry, _RESERVED)
    check_second_generation(containers[0], "template.template.containers[0]")
    if not 0 <= task.setdefault("maxRetries", _DEFAULT_RETRIES) <= _MOST_RETRIES:
        raise ViolationError("template.template.max_retries", f"must be from 0 to {_MOST_RETRIES}")
    _check_timeout(task.setdefault("timeout", _DEFAULT_TIMEOUT), "template.template.timeout")
    if not task.get("serviceAccount"):
        task["serviceAccount"] = account
    # Of jobs it is the second generation always ("About execution environments").
    if task.setdefault("executionEnvironment", "EXECUTION_ENVIRONMENT_GEN2") != "EXECUTION_ENVIRONMENT_GEN2":
        raise ViolationError("template.template.execution_environment", "must be EXECUTION_ENVIRONMENT_GEN2")
    complete_network(task, "template.template")
    check_volumes(task, "template.template")
    check_known(task, "template.template")
    whole.setdefault("launchStage", "GA")
    return whole


def _check_count(count: int, path: str) -> None:
    if not 1 <= count <= _MOST_TASKS:
        raise ViolationError(path, f"must be from 1 to {_MOST_TASKS}")


def _check_timeout(timeout: str, path: str) -> None:
    if not 0 < duration_seconds(timeout) <= _LONGEST_TIMEOUT_SECONDS:
        raise ViolationError(path, f"must be more than 0s and at most {_LONGEST_TIMEOUT_SECONDS}s")


def _overridden(template: Json, overrides: Json) -> Json:
    """The template of an execution, which is the job's with what one run has instead ("Override job configuration")."""
    task = template["template"]
    containers = {container.get("name", ""): container for container in task["containers"]}
    for position, override in enumerate(overrides.get("containerOverrides", [])):
        path = f"overrides.container_overrides[{position}]"
        name = override.get("name", "")
        container = containers.get(name) if name else task["containers"][0]
        if container is None:
            raise ViolationError(f"{path}.name", f'the job has no container "{name}"')
        if override.get("args") and override.get("clearArgs"):
            raise ViolationError(f"{path}.clear_args", "must not be given with args")
        check_environment(override.get("env", []), path, _RESERVED)
        if override.get("args") or override.get("clearArgs"):
            container["args"] = override.get("args", [])
        mine = {variable["name"]: variable for variable in override.get("env", [])}
        kept = [variable for variable in container.get("env", []) if variable["name"] not in mine]
        container["env"] = [*kept, *mine.values()]
    if "taskCount" in overrides:
        _check_count(overrides["taskCount"], "overrides.task_count")
        template["taskCount"] = overrides["taskCount"]
    if "timeout" in overrides:
        _check_timeout(overrides["timeout"], "overrides.timeout")
        task["timeout"] = overrides["timeout"]
    return template


def _new_execution(job: Json, template: Json, name: str, principal: str) -> Json:
    moment = now()
    return {
        "name": f"{job['name']}/executions/{name}",
        "uid": new_id(),
        "creator": principal,
        "generation": "1",
        "labels": job.get("labels", {}) | template.get("labels", {}),
        "annotations": template.get("annotations", {}),
        "createTime": moment,
        "updateTime": moment,
        "launchStage": job["launchStage"],
        "job": job["name"],
        "parallelism": template.get("parallelism", 0),
        "taskCount": template["taskCount"],
        "template": template["template"],
        "reconciling": True,
        "conditions": [
            condition("Completed", RECONCILING, moment),
            condition("ResourcesAvailable", SUCCEEDED, moment, {"message": "Provisioned imported containers."}),
            condition("Started", SUCCEEDED, moment),
        ],
        "etag": f'"{new_id()}"',
    }


def _new_task(execution: Json, index: int) -> Json:
    short = execution["name"].rpartition("/")[2]
    task: Json = copy.deepcopy(execution["template"])
    task |= {
        "name": f"{execution['name']}/tasks/{short}-task{index}",
        "uid": new_id(),
        "createTime": now(),
        "job": execution["job"],
        "execution": execution["name"],
        "reconciling": True,
        "conditions": [condition("Completed", RECONCILING, now())],
    }
    return task | ({"index": index} if index else {})


def _count(execution: Json, *counters: str) -> int:
    return int(sum(execution.get(counter, 0) for counter in counters))


def _message(kind: str, record: Json) -> Json:
    return {"@type": f"{TYPE}.{kind}"} | record
