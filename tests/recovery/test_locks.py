"""The deploy lock and Terraform's own, held by the living, the dead and the unknown."""

from __future__ import annotations

import dataclasses
import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError

from plugins.action import deploy_lock, terraform_state_lock
from plugins.lookup.terraform_processes import terraform_processes
from plugins.module_utils.state_store import S3Store
from tests.recovery.environment import NAME, STATE_BUCKET, Environment, Result, Run, client, until

KEY = f"{NAME}/app/lock"
BUCKET = f"{NAME}-locks"


def _read(key: str) -> Any:
    s3 = client("s3")
    try:
        return json.loads(s3.get_object(Bucket=STATE_BUCKET, Key=key)["Body"].read())
    except (s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket):
        return None


def _hold(environment: Environment) -> Run:
    """A run that holds the lock."""
    environment.hold.touch()
    run = environment.start("lock.yml")
    run.until(lambda: _read(KEY), "the lock")
    return run


def _try(environment: Environment, **variables: Any) -> Result:
    """A run that releases the lock as soon as it has it."""
    environment.hold.unlink(missing_ok=True)
    return environment.start("lock.yml", **variables).end()


def test_second_run_fails_at_once_and_names_the_first(environment: Environment) -> None:
    first = _hold(environment)
    # It holds on for as long as the file is there, and the second one does not get that far.
    second = environment.start("lock.yml").end()
    assert second.status != 0
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    assert f"Another run is at work: {who}, process {first.process}, holds s3://{STATE_BUCKET}/{KEY}" in second.tasks
    assert f"end it (kill {first.process}), and run again" in second.tasks
    assert _read(KEY)["run"]["process"] == first.process
    environment.hold.unlink()
    first.end().succeeded()
    assert _read(KEY) is None


def test_failing_run_releases_the_lock(environment: Environment) -> None:
    assert _try(environment, fails=True).status != 0
    assert _read(KEY) is None


def test_lock_of_a_killed_run_is_taken_over(environment: Environment) -> None:
    first = _hold(environment)
    first.kill_everything()
    assert _read(KEY)["run"]["process"] == first.process
    second = _try(environment).succeeded()
    assert (
        f"An earlier run did not end: {getpass.getuser()}@{socket.gethostname()}, process {first.process}"
        in second.tasks
    )
    assert _read(KEY) is None


def test_lock_of_another_machine_is_taken_over_on_request_only(environment: Environment) -> None:
    _try(environment).succeeded()
    elsewhere = dataclasses.replace(deploy_lock.Run.of(os.getpid()), user="ci", host="build-1")
    lock = {"run": dataclasses.asdict(elsewhere), "since": "2026-01-02 03:04:05 UTC"}
    client("s3").put_object(Bucket=STATE_BUCKET, Key=KEY, Body=json.dumps(lock).encode())
    refused = _try(environment)
    assert refused.status != 0
    assert "ci@build-1, process" in refused.tasks
    assert "since 2026-01-02 03:04:05 UTC" in refused.tasks
    assert "run again with -e slipway_force_unlock_holder=ci@build-1" in refused.tasks
    assert _try(environment, slipway_force_unlock_holder="ci@build-2").status != 0
    _try(environment, slipway_force_unlock_holder="ci@build-1").succeeded()
    assert _read(KEY) is None


@pytest.fixture
def bucket() -> Iterator[str]:
    s3 = client("s3")
    s3.create_bucket(Bucket=BUCKET)
    yield BUCKET
    for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=item["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def _lock(bucket: str, run: deploy_lock.Run) -> deploy_lock.Lock:
    return deploy_lock.Lock(S3Store(client("s3"), bucket), "lock", run)


def test_lock_from_before_a_restart_is_taken_over(bucket: str) -> None:
    now = deploy_lock.Run.of(os.getpid())
    _lock(bucket, dataclasses.replace(now, boot="an earlier one")).acquire("")
    assert _lock(bucket, now).acquire("")[0]


def test_lock_of_a_process_id_that_is_used_again_is_taken_over(bucket: str) -> None:
    now = deploy_lock.Run.of(os.getpid())
    _lock(bucket, dataclasses.replace(now, started=now.started - 1)).acquire("")
    assert _lock(bucket, now).acquire("")[0]


def test_lock_of_another_container_of_this_host_is_not(bucket: str) -> None:
    now = deploy_lock.Run.of(os.getpid())
    _lock(bucket, dataclasses.replace(now, processes="pid:[1]")).acquire("")
    with pytest.raises(ActionError, match="Nobody can tell from here"):
        _lock(bucket, now).acquire("")


def test_request_to_break_a_lock_does_not_break_that_of_a_living_process(bucket: str) -> None:
    parent = deploy_lock.Run.of(os.getppid())
    _lock(bucket, parent).acquire("")
    with pytest.raises(ActionError, match="Wait for it to end"):
        _lock(bucket, deploy_lock.Run.of(os.getpid())).acquire(parent.who)


def test_lock_is_released_by_its_holder_alone(bucket: str) -> None:
    parent, own = deploy_lock.Run.of(os.getppid()), deploy_lock.Run.of(os.getpid())
    assert _lock(bucket, parent).acquire("") == (True, None)
    assert _lock(bucket, parent).acquire("") == (False, None)
    assert not _lock(bucket, own).release()
    assert _lock(bucket, parent).release()
    assert _lock(bucket, own).acquire("") == (True, None)


def test_lock_is_gone_with_its_bucket() -> None:
    assert not _lock(f"{BUCKET}-gone", deploy_lock.Run.of(os.getpid())).release()


def test_dead_lock_goes_to_one_of_two_runs(bucket: str) -> None:
    rivals = [deploy_lock.Run.of(os.getppid()), deploy_lock.Run.of(os.getpid())]
    dead = dataclasses.replace(rivals[0], boot="an earlier one")

    def take(run: deploy_lock.Run) -> bool:
        try:
            return _lock(bucket, run).acquire("")[0]
        except ActionError:
            return False

    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            client("s3").delete_object(Bucket=bucket, Key="lock")
            _lock(bucket, dead).acquire("")
            assert sorted(pool.map(take, rivals)) == [False, True]


def _put_state_lock(bucket: str, who: str) -> None:
    lock = {"ID": "1", "Operation": "OperationTypeApply", "Who": who, "Created": "2026-01-02T03:04:05Z"}
    client("s3").put_object(Bucket=bucket, Key="key.tflock", Body=json.dumps(lock).encode())


def _clear(bucket: str, processes: list[int], force_unlock_holder: str = "") -> str | None:
    return terraform_state_lock.clear(S3Store(client("s3"), bucket), "key.tflock", processes, force_unlock_holder, 0)


OURS = f"{getpass.getuser()}@{socket.gethostname()}"


def test_state_lock_of_a_dead_terraform_is_removed(bucket: str) -> None:
    assert _clear(bucket, []) is None
    _put_state_lock(bucket, OURS)
    assert OURS in (_clear(bucket, []) or "")
    assert _clear(bucket, []) is None


def test_state_lock_that_a_process_here_may_hold_stays(bucket: str) -> None:
    _put_state_lock(bucket, OURS)
    with pytest.raises(ActionError, match="Wait for the end of Terraform's process 4711"):
        _clear(bucket, [4711], OURS)


def test_state_lock_of_another_machine_is_removed_on_request_only(bucket: str) -> None:
    _put_state_lock(bucket, "ci@build-1")
    with pytest.raises(ActionError, match="-e slipway_force_unlock_holder=ci@build-1"):
        _clear(bucket, [], "ci@build-2")
    assert "ci@build-1" in (_clear(bucket, [], "ci@build-1") or "")


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Starts a process called terraform with a subcommand, whose working folder is initialised for a state."""
    processes = []

    def start(folder: str, subcommand: str = "apply", **environment: str) -> int:
        program = tmp_path / "terraform"
        shutil.copy("/bin/sh", program)
        # It takes the subcommand for a script, which waits for its input.
        (tmp_path / subcommand).write_text("read _\n")
        (tmp_path / folder).mkdir()
        backend = {"backend": {"type": "s3", "config": {"bucket": BUCKET, "key": "trec/app/data"}}}
        (tmp_path / folder / "terraform.tfstate").write_text(json.dumps(backend))
        processes.append(subprocess.Popen([program, subcommand], cwd=tmp_path, env=environment, stdin=subprocess.PIPE))
        process = processes[-1].pid
        until(lambda: Path(f"/proc/{process}/comm").read_text() == "terraform\n", "the program")
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_terraform_at_work_is_found_by_its_state(at_work: Callable[..., int]) -> None:
    process = at_work("data", TF_DATA_DIR="data")
    assert terraform_processes("trec/app/data", BUCKET) == [process]
    assert terraform_processes("trec/app/service", BUCKET) == []
    assert terraform_processes("trec/app/data", "another") == []


def test_terraform_started_by_hand_is_found_too(at_work: Callable[..., int]) -> None:
    process = at_work(".terraform")
    assert terraform_processes("trec/app/data", BUCKET) == [process]


def test_terraform_that_plans_is_in_nobody_s_way(at_work: Callable[..., int]) -> None:
    at_work(".terraform", subcommand="plan")
    assert terraform_processes("trec/app/data", BUCKET) == []


def test_terraform_that_has_ended_is_not_found_whether_or_not_it_was_waited_for(
    at_work: Callable[..., int],
) -> None:
    process = at_work(".terraform")
    os.kill(process, signal.SIGKILL)
    until(lambda: terraform_processes("trec/app/data", BUCKET) == [], "its end", seconds=10)
    assert Path(f"/proc/{process}").exists()
