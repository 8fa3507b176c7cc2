"""Starting, stopping and killing the emulator, and what it says when the machine lacks something."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import docker
import pytest
from botocore.exceptions import ClientError

from emulator.tests.stack import free_subnet, wait_until
from slipway_emulator import cli as program
from slipway_emulator.acm import authority as certificates
from slipway_emulator.overrides import IncompatibleError
from slipway_emulator.settings import Settings


@pytest.fixture
def own(settings: Settings, engine: docker.DockerClient, tmp_path: Path) -> Iterator[Settings]:
    """Settings of an emulator that a test may do anything to."""
    own = dataclasses.replace(
        settings,
        state_directory=tmp_path / "state",
        gateway_port=25566,
        google_port=25567,
        http_port=25080,
        https_port=25443,
        network_name="temu-own",
        subnet=free_subnet(engine, "temu-own"),
    )
    yield own
    program.stop(own)


def said(capsys: pytest.CaptureFixture[str], command: str, settings: Settings) -> tuple[int, str]:
    """Exit status of a command, and what it says."""
    status = program.main([command, *settings.options()])
    output = capsys.readouterr()
    return status, output.out + output.err


def leftovers(engine: docker.DockerClient, settings: Settings) -> list[str]:
    mark = f"ministack.instance={settings.network_name}:{settings.gateway_port}"
    containers = engine.containers.list(all=True, filters={"label": mark})
    return [c.name for c in containers] + [n.name for n in engine.networks.list(names=[settings.network_name])]


def start_database(settings: Settings, **more: Any) -> None:
    instance = {
        "DBInstanceIdentifier": "temu-left",
        "DBInstanceClass": "db.t3.micro",
        "Engine": "postgres",
        "EngineVersion": "15",
        "AllocatedStorage": 20,
        "MasterUsername": "postgres",
        "MasterUserPassword": "password",
    }
    boto3.client(
        "rds",
        endpoint_url=settings.gateway_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ).create_db_instance(**instance | more)


def test_life(own: Settings, engine: docker.DockerClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "status", own) == (3, "not running\n")
    status, text = said(capsys, "start", own)
    assert (status, text) == (0, f"started at {own.gateway_url}, log in {own.log_file}\n")
    process = program.running_process(own)
    began = time.monotonic()
    assert said(capsys, "start", own) == (0, f"already running at {own.gateway_url}\n")
    assert time.monotonic() - began < 1
    # The directory is enough to find it by, whatever its ports.
    directory = f"--state-directory={own.state_directory}"
    assert program.main(["status", directory]) == 0
    assert capsys.readouterr().out.startswith(f"running at {own.gateway_url}, process {process}")
    status, text = said(capsys, "start", dataclasses.replace(own, region="eu-west-1"))
    assert (status, "runs already, with other settings" in text) == (1, True)
    assert said(capsys, "status", own) == (
        0,
        f"running at {own.gateway_url}, process {process}, log in {own.log_file}\n",
    )
    start_database(own)
    assert len(leftovers(engine, own)) == 2
    assert said(capsys, "stop", own) == (0, "stopped\n")
    assert leftovers(engine, own) == []
    assert process
    assert program._has_ended(process)
    assert said(capsys, "stop", own) == (0, "not running\n")
    assert sorted(path.name for path in own.state_directory.iterdir()) == ["iam-decisions.jsonl", "log"]


def test_killed(own: Settings, engine: docker.DockerClient, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "start", own)
    start_database(own)
    kill(own)
    assert said(capsys, "status", own) == (3, "not running\n")
    assert len(leftovers(engine, own)) == 2
    # The next start begins with nothing but the network.
    assert said(capsys, "start", own)[0] == 0
    assert leftovers(engine, own) == ["temu-own"]
    start_database(own)
    kill(own)
    assert said(capsys, "stop", own) == (0, "not running; removed 1 containers that one had left\n")
    assert leftovers(engine, own) == []


def kill(settings: Settings) -> None:
    process = program.running_process(settings)
    assert process
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: program.running_process(settings) is None, 5)


def test_process_that_does_not_answer(
    own: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said(capsys, "start", own)
    process = program.running_process(own)
    assert process
    os.kill(process, signal.SIGSTOP)
    try:
        assert said(capsys, "status", own) == (3, f"process {process} runs but does not answer\n")
        monkeypatch.setattr(program, "_START_SECONDS", 1)
        status, text = said(capsys, "start", own)
        assert status == 1
        assert f"process {process} runs but does not answer; see {own.log_file}" in text
        how = f"Stop it: kill -9 {process} && slipway-emulator stop --state-directory {own.state_directory}"
        assert how in text
        monkeypatch.setattr(program, "_STOP_SECONDS", 1)
        status, text = said(capsys, "stop", own)
        assert (status, how in text) == (1, True)
    finally:
        os.kill(process, signal.SIGKILL)
    wait_until(lambda: program.running_process(own) is None, 5)


def test_process_that_is_starting_is_waited_for(own: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "slipway_emulator", "run", *own.options()]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL):
        try:
            wait_until(lambda: program.running_process(own), 30)
            assert said(capsys, "start", own) == (0, f"already running at {own.gateway_url}\n")
            assert program._is_ready(own)
        finally:
            said(capsys, "stop", own)


def test_two_starts_at_once_are_one(own: Settings) -> None:
    command = [sys.executable, "-m", "slipway_emulator", "start", *own.options()]
    starts = [subprocess.Popen(command) for _ in range(2)]
    assert [start.wait(60) for start in starts] == [0, 0]
    assert program._is_ready(own)


def test_machine_image_that_is_missing(
    own: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said, and hinders nobody who needs no EC2 instance."""
    monkeypatch.setattr(program, "MACHINE_IMAGE", "temu-none:1")
    status, text = said(capsys, "start", own)
    assert status == 0
    assert "image temu-none:1 is missing: no EC2 instance will start. Build it with: slipway-emulator images\n" in text


def test_one_process_only(own: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "start", own)
    status, text = said(capsys, "run", own)
    assert (status, text) == (1, f"slipway-emulator: it runs already; {own.pid_file} names its process\n")
    # Another emulator has other files and the same ports.
    other = dataclasses.replace(own, state_directory=own.state_directory.parent / "other")
    process = program.running_process(own)
    for command in ("start", "run"):
        status, text = said(capsys, command, other)
        assert status == 1
        assert f"has the emulator of {own.state_directory} (process {process})" in text
        assert f"Stop it: slipway-emulator stop --state-directory {own.state_directory}" in text
    status, text = said(capsys, "stop", other)
    assert (status, text) == (
        0,
        f"not running here; the one of {own.state_directory} is (process {process})\n",
    )
    assert said(capsys, "status", own)[0] == 0


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("gateway_port", "the AWS APIs and their image registry"),
        ("google_port", "Google's APIs and their image registry"),
        ("http_port", "the load balancers' HTTP"),
        ("https_port", "the load balancers' HTTPS"),
    ],
)
def test_port_in_use(own: Settings, capsys: pytest.CaptureFixture[str], name: str, part: str) -> None:
    port = getattr(own, name)
    with socket.create_server(("127.0.0.1", port)):
        status, text = said(capsys, "start", own)
    assert status == 1
    assert f"port {port} on 127.0.0.1 is not free (Address already in use); it is for {part}. " in text
    assert f"ss -ltnp 'sport = :{port}'" in text


def test_port_that_only_root_may_have(
    own: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(socket.socket, "bind", refuse)
    status, text = said(capsys, "start", own)
    assert status == 1
    assert f"may not listen on port {own.gateway_port}, for the AWS APIs and their image registry. " in text
    assert f"sudo sysctl net.ipv4.ip_unprivileged_port_start={own.gateway_port}" in text


def test_no_engine(own: Settings) -> None:
    for command in ("start", "run"):
        result = subprocess.run(
            [sys.executable, "-m", "slipway_emulator", command, *own.options()],
            env=os.environ | {"DOCKER_HOST": "unix:///nothing/here.sock"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 1
        assert result.stderr.startswith("slipway-emulator: no Docker Engine answers")
        assert "sudo systemctl start docker" in result.stderr


def test_too_little_memory(own: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "_available_memory_mib", lambda: 600)
    status, text = said(capsys, "start", own)
    assert status == 1
    assert text.startswith("slipway-emulator: 600 MiB of memory are available, 1024 MiB are needed.")


def test_certificates_of_two_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "anchors"
    store.mkdir()
    monkeypatch.setattr(certificates, "TRUST_STORES", ((store, "true"),))
    authorities = [certificates.Authority(tmp_path / user) for user in ("grace", "ada")]
    for authority in authorities:
        with pytest.raises(certificates.TrustError, match="still does not trust it"):
            authority.trust()
    trusted = {file.read_bytes() for file in store.glob("slipway-rehearsal-*.crt")}
    assert trusted == {authority.certificate_file.read_bytes() for authority in authorities}


def test_certificate_that_nobody_trusts(
    own: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who is not root is told the command; a failing command and no trust store are errors too."""
    new = dataclasses.replace(own, authority_directory=tmp_path / "authority")
    store = tmp_path / "anchors"
    store.mkdir()
    monkeypatch.setattr(certificates, "TRUST_STORES", ((store, "false"),))
    status, text = said(capsys, "start", new)
    assert status == 1
    assert re.search(r"slipway-rehearsal-[0-9a-f]{8}\.crt was written, but false failed", text)
    monkeypatch.setattr(certificates, "TRUST_STORES", ((store, "true"),))
    assert "Python still does not trust it" in said(capsys, "start", new)[1]
    monkeypatch.setattr(os, "access", lambda *_: False)
    status, text = said(capsys, "start", new)
    assert status == 1
    (file,) = store.iterdir()
    assert f"Run: sudo cp {tmp_path}/authority/ca.pem {file} && sudo true" in text
    monkeypatch.setattr(certificates, "TRUST_STORES", ((tmp_path / "none", "true"),))
    assert "no trust store found" in said(capsys, "start", new)[1]


def test_another_ministack(own: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slipway_emulator.overrides.MINISTACK_VERSION", "9.9.9")
    status, text = said(capsys, "start", own)
    assert status == 1
    assert text.endswith("is installed, 9.9.9 is needed. Install it: pip install ministack==9.9.9\n")
    with pytest.raises(IncompatibleError):
        program.run(own)


def test_network_with_other_addresses(
    own: Settings, engine: docker.DockerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    network = engine.networks.create(own.network_name)
    try:
        status, text = said(capsys, "start", own)
    finally:
        network.remove()
    assert status == 1
    assert f"Remove it: docker network rm {own.network_name}" in text
    same_addresses = dataclasses.replace(own, subnet="172.17.0.0/16")
    status, text = said(capsys, "start", same_addresses)
    assert status == 1
    assert "(172.17.0.0/16) cannot be made" in text


def test_free_plan_is_refused_what_aws_refuses_it(own: Settings) -> None:
    free = dataclasses.replace(own, account_plan="free")
    assert program.start(free) == 0
    for settings, message in (
        (
            {"BackupRetentionPeriod": 7},
            "The specified backup retention period exceeds the maximum available to free tier",
        ),
        ({"DBInstanceClass": "db.t4g.small"}, "This instance size isn't available with free plan accounts."),
    ):
        with pytest.raises(ClientError, match=message) as error:
            start_database(free, **settings)
        assert error.value.response["Error"]["Code"] == "FreeTierRestrictionError"
    start_database(free, BackupRetentionPeriod=1)
