"""A project of its own, made as docs/how-to/use-the-collection.md says: of this repository it has the artefact alone.

The files of the page are written as they stand there, but for the name of the environment, and its commands are run.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.http import ask
from tests.e2e.runs import PROJECT, recap
from tests.rehearsal import running_cloud

ENVIRONMENT = "e2econsumer"
PAGE = PROJECT / "docs/how-to/use-the-collection.md"
_FILES = re.compile(r"^```\w+\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMANDS = re.compile(r"(?:^    .+\n)+", re.MULTILINE)
_INSTALLED = "collections/ansible_collections/slipway/provision"

pytestmark = pytest.mark.long


class Consumer:
    """The project.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        page = PAGE.read_text()
        for name, text in _FILES.findall(page):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(re.sub(r"(?<=environment: )dev$|(?<=[/-])dev(?=-)", ENVIRONMENT, text, flags=re.MULTILINE))
        without_files = _FILES.sub("", page)
        self.commands = [
            line.strip().replace("slipway_confirm=dev", f"slipway_confirm={ENVIRONMENT}")
            for block in _COMMANDS.findall(without_files)
            for line in block.splitlines()
        ]

    def run(self, *commands: str) -> str:
        """What commands print that a person types one after the other."""
        # A person's shell, with nothing of this project in it but where Terraform's providers are.
        kept = {name: os.environ[name] for name in ("HOME", "PATH", "TF_CLI_CONFIG_FILE") if name in os.environ}
        own = str(Path(sys.executable).parent)
        path = os.pathsep.join(part for part in kept["PATH"].split(os.pathsep) if part != own)
        ended = subprocess.run(
            ["bash", "-euc", "\n".join(commands)],
            cwd=self.folder,
            env=kept | {"PATH": path, "ANSIBLE_FORCE_COLOR": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, f"{commands}:\n{ended.stdout[-6000:]}{ended.stderr[-4000:]}"
        return ended.stdout

    def play(self, name: str) -> str:
        """What the page's command prints that runs a playbook."""
        (command,) = (one for one in self.commands if one.startswith(f"ansible-playbook slipway.provision.{name}"))
        return self.run(". .venv/bin/activate", command)

    def files(self) -> dict[Path, str]:
        """Digests of the files of the installed collection."""
        return {
            file: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in (self.folder / _INSTALLED).rglob("*")
            if file.is_file() and "__pycache__" not in file.parts
        }


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Consumer:
    """The project, with everything installed."""
    consumer = Consumer(tmp_path_factory.mktemp("consumer"))
    shutil.copytree(PROJECT / "tests/e2e/foreign_app", consumer.folder / "guests")
    program = Path(sys.executable).with_name("ansible-galaxy")
    subprocess.run(
        [program, "collection", "build", "--output-path", consumer.folder], cwd=PROJECT, check=True, capture_output=True
    )
    # A run finds the emulator of this checkout where it would start one of its own: two could not have the ports.
    (consumer.folder / ".build").mkdir()
    (consumer.folder / ".build/emulator").symlink_to(PROJECT / ".build/emulator")
    first_playbook = next(
        number for number, one in enumerate(consumer.commands) if one.startswith("ansible-playbook slipway.provision.")
    )
    consumer.run(*consumer.commands[:first_playbook])
    return consumer


def test_emulator_is_the_installed_one(consumer: Consumer) -> None:
    where = consumer.run(
        ". .venv/bin/activate", "python -c 'import slipway_emulator; print(slipway_emulator.__file__)'"
    )
    assert Path(where.strip()).is_relative_to(consumer.folder / ".venv")


def test_project_deploys_and_is_destroyed(consumer: Consumer) -> None:
    files = consumer.files()
    with running_cloud():
        try:
            assert "failed=0" in consumer.play("validate")
            said = consumer.play("deploy")
            url = next(iter(re.findall(r"http://[\d.]+:9000", said)))
            assert ask(url).body.strip() == b"Welcome, guest"
            assert url in consumer.play("status")
            again = recap(consumer.play("drift"))
            assert {host: counts["changed"] for host, counts in again.items()} == {"main": 0, "guests": 0}
        finally:
            assert f"Nothing is left of {ENVIRONMENT}-guests" in consumer.play("destroy")
            consumer.run(
                ". .venv/bin/activate",
                f"ansible-playbook slipway.provision.remove_bootstrap -e slipway_confirm={ENVIRONMENT}",
            )
    assert (consumer.folder / f".build/{ENVIRONMENT}/report/index.html").is_file()
    assert consumer.files() == files
