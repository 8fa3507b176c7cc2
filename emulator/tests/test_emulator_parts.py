"""The parts that need no running cloud."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
import tomllib
from pathlib import Path

import docker
import pytest

from emulator.tests.stack import wait_until
from slipway_emulator.acm.authority import Authority, _alone_in
from slipway_emulator.cloudwatch.alarms import xml
from slipway_emulator.ec2.metadata import MetadataService
from slipway_emulator.iam.roles import Roles
from slipway_emulator.late import Late
from slipway_emulator.network import ContainerNetwork
from slipway_emulator.overrides import MINISTACK_VERSION
from slipway_emulator.settings import Settings
from slipway_emulator.vpc.security_groups import Ports, ports_of

PACKAGE = Path(__file__).resolve().parents[1] / "pyproject.toml"


def test_pinned_is_the_version_this_is_written_for() -> None:
    pins = tomllib.loads(PACKAGE.read_text())["project"]["dependencies"]
    assert f"ministack=={MINISTACK_VERSION}" in pins


def test_settings_survive_the_way_to_another_process(settings: Settings) -> None:
    assert Settings.from_json(settings.to_json()) == settings


def test_state_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("SLIPWAY_EMULATOR_STATE", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert Settings.of_user().state_directory == tmp_path / ".local/state/slipway-emulator"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "states"))
    assert Settings.of_user().state_directory == tmp_path / "states/slipway-emulator"
    monkeypatch.setenv("SLIPWAY_EMULATOR_STATE", "here")
    assert Settings.of_user().state_directory == Path.cwd() / "here"


def test_public_addresses_are_on_loopback_and_unique(engine: docker.DockerClient, cloud: Settings) -> None:
    network = ContainerNetwork(engine, cloud.network_name, cloud.subnet)
    addresses = [network.allocate_public_address() for _ in range(254)]
    assert len(set(addresses)) == 254
    assert all(address.startswith("127.0.113.") for address in addresses)
    with pytest.raises(RuntimeError, match="no address left"):
        network.allocate_public_address()
    network.release_public_address(addresses[7])
    assert network.allocate_public_address() == addresses[7]


class TestAuthority:
    def test_is_kept_and_private(self, tmp_path: Path) -> None:
        first, second = Authority(tmp_path / "authority"), Authority(tmp_path / "authority")
        assert first.certificate_file.read_bytes() == second.certificate_file.read_bytes()
        assert (tmp_path / "authority" / "ca.key").stat().st_mode & 0o777 == 0o600
        assert not first.is_trusted()

    def test_signs_a_name_that_verifies(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        assert handshake(authority, "app.example.org", "app.example.org") == "TLSv1.3"
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            handshake(authority, "app.example.org", "other.example.org")

    def test_old_protocols_are_refused(self, tmp_path: Path) -> None:
        context = Authority(tmp_path).server_context("app.example.org")
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2

    def test_leaves_no_server_key_behind(self, tmp_path: Path) -> None:
        Authority(tmp_path).server_context("app.example.org")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.key", "ca.pem"]

    def test_of_two_that_make_it_at_once_the_second_takes_the_firsts(self, tmp_path: Path) -> None:
        first = Authority(tmp_path / "first")
        shared = tmp_path / "shared"
        shared.mkdir()
        make = (
            "import sys, pathlib; from slipway_emulator.acm.authority import Authority; "
            "Authority(pathlib.Path(sys.argv[1]))"
        )
        with _alone_in(shared):
            second = subprocess.Popen([sys.executable, "-c", make, shared])
            wait_until(lambda: second.poll() is not None or waits_for_a_lock(second.pid))
            assert second.poll() is None
            for name in ("ca.key", "ca.pem"):
                shutil.copy(tmp_path / "first" / name, shared)
        assert second.wait(60) == 0
        assert (shared / "ca.pem").read_bytes() == first.certificate_file.read_bytes()
        assert handshake(Authority(shared), "app.example.org", "app.example.org") == "TLSv1.3"


def waits_for_a_lock(process: int) -> bool:
    """Whether a process waits for a file's lock: "proc_locks" in Linux's manual pages."""
    waiting = (line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" in line)
    return any(str(process) in fields for fields in waiting)


def handshake(authority: Authority, served: str, asked: str) -> str | None:
    """Protocol of a TLS connection between two ends in memory."""
    client_context = ssl.create_default_context(cafile=str(authority.certificate_file))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=asked)
    server = authority.server_context(served).wrap_bio(to_server, to_client, server_side=True)
    for end in (client, server, client, server):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client.version()


@pytest.mark.parametrize("lifetime", ["", "0", "-1", "21601", "1.5", "x", "٣", "9" * 5000])
def test_metadata_token_with_a_lifetime_that_is_none(lifetime: str) -> None:
    service = MetadataService(Roles(Late(0)))
    instance = {"InstanceId": "i-1", "MetadataOptions": {"HttpEndpoint": "enabled"}}
    headers = {"x-aws-ec2-metadata-token-ttl-seconds": "60"}
    assert service.answer(instance, "PUT", "/latest/api/token", headers)[0] == 200
    headers = {"x-aws-ec2-metadata-token-ttl-seconds": lifetime}
    assert service.answer(instance, "PUT", "/latest/api/token", headers)[0] == 400


def test_alarm_members_as_the_query_protocol_writes_them() -> None:
    alarm = {
        "Threshold": 80.0,
        "ActionsEnabled": True,
        "Unit": None,
        "Dimensions": [{"Name": "a<b"}],
        "T": [],
    }
    assert xml("member", alarm) == (
        "<member><Threshold>80.0</Threshold><ActionsEnabled>true</ActionsEnabled>"
        "<Dimensions><member><Name>a&lt;b</Name></member></Dimensions><T></T></member>"
    )
    assert xml("StateUpdatedTimestamp", 0) == "<StateUpdatedTimestamp>1970-01-01T00:00:00Z</StateUpdatedTimestamp>"


@pytest.mark.parametrize(
    "malformed",
    [
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 80},
        {"IpProtocol": "udp", "FromPort": 80, "ToPort": 65536},
        {"IpProtocol": "256"},
        {"IpProtocol": "tpc", "FromPort": 80, "ToPort": 80},
    ],
    ids=str,
)
def test_malformed_rule_is_of_the_protocol_that_nobody_speaks(malformed: dict[str, object]) -> None:
    assert ports_of(malformed) == Ports(255)
