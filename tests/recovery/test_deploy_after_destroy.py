"""A database's app is destroyed, and deployed again at once, while its secrets still have their recovery window."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from emulator.tests.clouds import settings_beside
from tests.recovery.environment import NAME, THOUSANDS, Environment, Result, client
from tests.rehearsal import psql

pytestmark = pytest.mark.long

HOST = "reborn"
APP = f"{NAME}-{HOST}"
TAGS = {"Environment": "recovery", "Project": HOST}
SECRETS = [f"{APP}/database/{user}" for user in ("app", "master", "migrator", "readonly")]


def _verify(environment: Environment) -> Result:
    return environment.start("verify.yml", "--limit", HOST).end()


def _destroy(environment: Environment) -> None:
    environment.apply(HOST, terraform_layer_state="absent").end().succeeded()


def _password() -> str:
    secret = client("secretsmanager").get_secret_value(SecretId=f"{APP}/database/master")
    return str(json.loads(secret["SecretString"])["password"])


def _snapshots() -> list[str]:
    snapshots = client("rds").describe_db_snapshots()["DBSnapshots"]
    return [one["DBSnapshotIdentifier"] for one in snapshots if one["DBInstanceIdentifier"] == APP]


def _is_listed(*kinds: str) -> list[bool]:
    """Whether the tagging API lists anything of these kinds."""
    filters = [{"Key": key, "Values": [value]} for key, value in TAGS.items()]
    answer = client("resourcegroupstaggingapi").get_resources(TagFilters=filters)
    arns = [one["ResourceARN"] for one in answer["ResourceTagMappingList"]]
    return [any(f":{kind}" in arn for arn in arns) for kind in kinds]


@pytest.fixture(scope="module")
def password(environment: Environment) -> Iterator[str]:
    """The master's password in the app's first life, which is over."""
    environment.apply("net").end().succeeded()
    environment.apply(HOST).end().succeeded()
    password = _password()
    _destroy(environment)
    yield password
    _destroy(environment)
    for snapshot in _snapshots():
        client("rds").delete_db_snapshot(DBSnapshotIdentifier=snapshot)
    for secret in SECRETS:
        client("secretsmanager").delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)


@pytest.mark.usefixtures("password")
def test_only_what_is_kept_on_purpose_is_left(environment: Environment) -> None:
    assert _is_listed("db:", "security-group/", "cluster/", "secret:") == [True] * 4
    output = [line.strip() for line in _verify(environment).succeeded().output.splitlines()]
    (snapshot,) = _snapshots()
    for command in (
        f"aws rds delete-db-snapshot --region us-east-1 --db-snapshot-identifier {snapshot}",
        *(
            f"aws secretsmanager delete-secret --region us-east-1 --secret-id {secret} --force-delete-without-recovery"
            for secret in SECRETS
        ),
    ):
        assert command in output


@pytest.mark.usefixtures("password")
def test_what_is_really_left_fails_and_is_named(environment: Environment) -> None:
    logs = client("logs")
    # Another app of the same project is none of it.
    for name in (f"{APP}/service", f"{APP}-admin/service"):
        logs.create_log_group(logGroupName=name, tags=TAGS)
    try:
        result = _verify(environment)
    finally:
        for name in (f"{APP}/service", f"{APP}-admin/service"):
            logs.delete_log_group(logGroupName=name)
    assert result.status != 0
    assert f"{APP} was destroyed, but this is left, and Terraform does not manage it any more." in result.tasks
    left = [line.strip() for line in result.output.splitlines() if line.strip().startswith("arn:")]
    assert set(left) == {f"arn:aws:logs:us-east-1:000000000000:log-group:{APP}/service"}


def test_deployment_after_it_restores_the_secrets_and_gives_them_new_values(
    environment: Environment, password: str
) -> None:
    output = environment.apply(HOST).end().succeeded().tasks
    assert 'import and update aws_secretsmanager_secret.database["master"]' in output
    listed = client("secretsmanager").list_secrets(Filters=[{"Key": "name", "Values": [APP]}])["SecretList"]
    assert sorted(secret["Name"] for secret in listed) == SECRETS
    assert _password() != password
    credentials = {"username": "postgres", "password": _password()}
    assert psql(APP, credentials, "reborndb", "select 1", settings_beside(NAME, THOUSANDS).rds_ca_file) == "1"
    again = environment.apply(HOST).end().succeeded()
    assert again.changed == 0, again.output[-6000:]


@pytest.mark.usefixtures("password")
def test_second_life_has_a_last_snapshot_of_its_own(environment: Environment) -> None:
    before = _snapshots()
    environment.apply(HOST).end().succeeded()
    _destroy(environment)
    assert len(set(_snapshots()) - set(before)) == 1
