"""The emulator of this checkout, at the ports that users know, and its databases."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import boto3
import docker

_BUILD = Path(__file__).resolve().parents[1] / ".build"


def administrator(environment: Mapping[str, str], service: str) -> Any:
    """A boto3 client of an emulator, with the credentials of its account's administrator.

    Args:
        environment: what cloud calls are given.
        service: as boto3 names it.
    """
    return boto3.client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def emulator(command: str) -> int:
    """Exit status of a command of the emulator: start, status or stop."""
    arguments = [sys.executable, "-m", "slipway_emulator", command, f"--state-directory={_BUILD / 'emulator'}"]
    return subprocess.run(arguments, check=False).returncode


@contextmanager
def running_cloud() -> Iterator[None]:
    """Start it where it does not run; the last test process that uses it stops it then."""
    users = _BUILD / "emulator-tests"
    users.parent.mkdir(exist_ok=True)
    with users.open("a+") as user:
        # Who comes and who goes waits for the other; who uses it holds the shared lock.
        with _alone(users.with_suffix(".lock")):
            if _is_only_user(user):
                user.truncate(0)
                if emulator("status") != 0:
                    user.write("started by tests")
                    user.flush()
                    assert emulator("start") == 0
            fcntl.flock(user, fcntl.LOCK_SH)
        yield
        with _alone(users.with_suffix(".lock")):
            fcntl.flock(user, fcntl.LOCK_UN)
            if _is_only_user(user) and users.stat().st_size > 0:
                emulator("stop")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock of this machine; it goes with its process."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_only_user(user: IO[str]) -> bool:
    """Whether no other process holds the lock; this one does then."""
    try:
        fcntl.flock(user, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def psql(instance: str, credentials: Mapping[str, str], database: str, statement: str, ca_file: Path) -> str:
    """What a statement returns, as `psql --tuples-only --no-align` prints it.

    It runs in the container of the database, and logs in as from anywhere else of its network: nothing outside of that
    reaches a database.

    Args:
        instance: identifier of the RDS instance.
        credentials: `username` and `password`.
        database: name of the database.
        statement: one statement of SQL.
        ca_file: PEM file with the authorities that may sign the database's certificate.

    Raises:
        PsqlError: the login or the statement is refused; the message is PostgreSQL's.
    """
    engine = docker.from_env()
    container = engine.containers.list(filters={"label": ["ministack=rds", f"db_id={instance}"]})[0]
    address = next(iter(container.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"]
    environment = {
        "PGDATABASE": database,
        "PGHOST": address,
        "PGPASSWORD": credentials["password"],
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/tmp/ca.pem",  # noqa: S108  (in the container)
        "PGUSER": credentials["username"],
        "CERTIFICATES": ca_file.read_text(),
        "STATEMENT": statement,
    }
    program = (
        'printf %s "$CERTIFICATES" > "$PGSSLROOTCERT" && '
        'exec psql --no-psqlrc --tuples-only --no-align --command="$STATEMENT" 2>&1'
    )
    ended = container.exec_run(["sh", "-c", program], environment=environment)
    output = str(ended.output.decode()).strip()
    if ended.exit_code != 0:
        raise PsqlError(output)
    return output


class PsqlError(Exception):
    """PostgreSQL refuses a login or a statement."""
