"""scripts/setup and the Makefile: what they find, what they do, and what they say where they cannot.

Everything runs with a scrubbed environment and in a copy of the project. Fakes stand for outside programs only.
"""

import os
import shutil
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Makefile", "app/requirements.txt", "emulator", "requirements.txt", "scripts")
PROVIDER = "registry.terraform.io/hashicorp/aws"
GOOGLE = "registry.terraform.io/hashicorp/google"
NOBODY = 65534
BARE_IMAGE = "python:3.11-slim-bookworm"  # Debian with Python and nothing else of what set-up looks for

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="acts as another user, or installs")


class Machine:
    """A copy of the project and a home directory, with programs of one's own ahead of the machine's."""

    def __init__(self, directory: Path) -> None:
        self.project = directory / "project"
        self.home = directory / "home"
        self.programs = directory / "programs"
        for path in (self.project, self.home, self.programs):
            path.mkdir()
        for part in PARTS:
            source = ROOT / part
            (self.project / part).parent.mkdir(exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, self.project / part)
            else:
                shutil.copy(source, self.project / part)

    def fake(self, name: str, script: str) -> None:
        """Put a program of this name ahead of the machine's own."""
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def fake_terraform(self, version: str) -> None:
        """Put a Terraform of this version on PATH."""
        self.fake("terraform", f'printf \'{{\\n  "terraform_version": "{version}"\\n}}\\n\'')

    def use_ready_venv(self) -> None:
        """Borrow the virtual environment that the tests themselves run in, and the schema; be the collection."""
        (self.project / ".venv").symlink_to(ROOT / ".venv")
        collections = self.project / ".build/collections/ansible_collections/slipway"
        schema = self.project / ".build/google-provider/schema"
        for directory in (collections, schema.parent):
            directory.mkdir(parents=True)
        schema.symlink_to(ROOT / ".build/google-provider/schema")
        (collections / "provision").symlink_to(self.project)

    def setup(self, *arguments: str, user: int | None = None, **variables: str) -> tuple[int, str]:
        """Run scripts/setup and return its exit status and everything it printed."""
        environment = {"PATH": f"{self.programs}:/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home)}
        result = subprocess.run(
            [self.project / "scripts/setup", *arguments],
            check=False, env=environment | variables, user=user, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip
        return result.returncode, result.stdout

    def written(self, name: str) -> str:
        """Return the content of a file under .build."""
        return (self.project / ".build" / name).read_text()

    def provider_mirror(self, *providers: str, unpacked: bool = True) -> Path:
        """Make a directory that looks like a provider mirror."""
        mirror = self.home / "mirror"
        for provider in providers:
            package = mirror / provider
            if unpacked:
                (package / "5.100.0" / "linux_amd64").mkdir(parents=True)
            else:
                package.mkdir(parents=True)
                (package / "terraform-provider-aws_5.100.0_linux_amd64.zip").touch()
        return mirror


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A machine whose files every user may read, as a checkout's are."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Machine(Path(directory))


# --- a machine that has everything ----------------------------------------------------------------------


def test_check_finds_everything_and_writes_nothing(machine: Machine) -> None:
    """On a machine that was set up, --check succeeds and leaves no trace."""
    machine.use_ready_venv()
    status, output = machine.setup("--check", SLIPWAY_GOOGLE_PROVIDER="real")
    assert status == 0, output
    assert output.splitlines()[-1].split() == ["ready", "setup", "this", "machine", "is", "ready"]
    assert {path.name for path in (machine.project / ".build").iterdir()} == {"collections", "google-provider"}


def test_second_run_is_quick_and_changes_nothing(machine: Machine) -> None:
    """The same words, the same files, in seconds."""
    machine.use_ready_venv()
    status, first = machine.setup(SLIPWAY_GOOGLE_PROVIDER="real")
    assert status == 0, first
    build = machine.project / ".build"
    before = {path: path.stat().st_mtime_ns for path in build.rglob("*")}
    started = time.monotonic()
    status, second = machine.setup(SLIPWAY_GOOGLE_PROVIDER="real")
    assert status == 0, second
    assert time.monotonic() - started < 5
    assert second == first
    assert {line.split()[0] for line in second.splitlines()} == {"found", "ready"}
    assert {path: path.stat().st_mtime_ns for path in build.rglob("*")} == before


def test_environment_gives_a_bare_shell_its_tools(machine: Machine) -> None:
    """`. .build/env` is all a shell with no variables at all needs, even for Ansible's demand of UTF-8."""
    machine.use_ready_venv()
    status, output = machine.setup()
    assert status == 0, output
    script = ". .build/env && ansible --version >&2 && initdb --version && command -v ansible dockerd"
    result = subprocess.run(
        ["/bin/bash", "-c", script], cwd=machine.project, env={}, check=True, capture_output=True, text=True
    )
    assert "initdb (PostgreSQL)" in result.stdout
    assert str(machine.project / ".venv/bin/ansible") in result.stdout


def test_environment_leads_terraform_to_its_providers(machine: Machine) -> None:
    """A variable inherited from elsewhere that names no file makes Terraform warn, and look in vain."""
    machine.use_ready_venv()
    status, output = machine.setup(TF_CLI_CONFIG_FILE=str(machine.home / "gone"))
    assert status == 0, output
    (machine.project / "main.tf").write_text(
        'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws", version = "~> 5.0" }\n  }\n}\n'
    )
    result = subprocess.run(
        ["/bin/bash", "-c", ". .build/env && terraform init -input=false -no-color"],
        cwd=machine.project, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={"PATH": os.environ["PATH"], "TF_CLI_CONFIG_FILE": str(machine.home / "gone")},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    assert "CLI configuration" not in result.stdout


def test_other_systems_are_told_what_is_needed(machine: Machine) -> None:
    machine.fake("uname", "echo Darwin")
    status, output = machine.setup()
    assert status == 1
    assert output.startswith("error: This machine runs Darwin; Linux is needed.\n")
    assert not (machine.project / ".build").exists()


def test_unknown_argument_is_refused(machine: Machine) -> None:
    """A mistyped --check must not install anything."""
    status, output = machine.setup("--chekc")
    assert status == 1
    assert "unknown argument: --chekc" in output
    assert "Usage: scripts/setup [--check]" in output


# --- Terraform ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.15.5", "1.10.5", "2.0.0", "11.11.0"])
def test_wrong_terraform_stops_before_anything_is_touched(machine: Machine, version: str) -> None:
    """The message names what is there, what is needed, and where to get it."""
    machine.fake_terraform(version)
    status, output = machine.setup()
    assert status == 1
    assert f"error: Terraform {version} is on PATH; 1.11 or newer, below 2, is needed." in output
    assert "HashiCorp" in output
    assert "Nothing was changed." in output
    assert not (machine.project / ".build").exists()
    assert not (machine.project / ".venv").exists()


@pytest.mark.parametrize("version", ["1.11.0", "1.14.3"])
def test_newer_terraform_will_do(machine: Machine, version: str) -> None:
    """Anything from 1.11 on, below 2."""
    machine.fake_terraform(version)
    machine.use_ready_venv()
    status, output = machine.setup("--check", SLIPWAY_GOOGLE_PROVIDER="real")
    assert status == 0, output
    assert version in output


def test_broken_terraform_is_not_taken_for_a_right_one(machine: Machine) -> None:
    """A program of that name that says nothing about its version."""
    machine.fake("terraform", "exit 3")
    status, output = machine.setup()
    assert status == 1
    assert "error: Terraform of an unknown version is on PATH" in output


# --- providers ------------------------------------------------------------------------------------------


def test_without_a_mirror_providers_are_downloaded_once(machine: Machine) -> None:
    """Terraform's cache keeps each layer from holding a copy of its own."""
    machine.use_ready_venv()
    machine.fake("find", "exit 0")
    status, output = machine.setup(SLIPWAY_GOOGLE_PROVIDER="real")
    assert status == 0, output
    assert "no mirror: Terraform downloads them" in output
    assert machine.written("terraform.rc") == ""
    assert f"TF_PLUGIN_CACHE_DIR={machine.project}/.build/plugin-cache" in machine.written("env")


def test_direct_leaves_mirrors_alone(machine: Machine) -> None:
    """Whoever has a stale mirror lying about can say so."""
    machine.use_ready_venv()
    status, output = machine.setup(SLIPWAY_PROVIDER_MIRROR="direct", SLIPWAY_GOOGLE_PROVIDER="real")
    assert status == 0, output
    assert machine.written("terraform.rc") == ""


def test_named_mirror_answers_for_what_it_holds_alone(machine: Machine) -> None:
    """Terraform asks a registry that is out of reach in vain for a provider that is not excluded."""
    machine.use_ready_venv()
    other = "registry.terraform.io/hashicorp/google"
    mirror = machine.provider_mirror(PROVIDER, other)
    status, output = machine.setup(SLIPWAY_PROVIDER_MIRROR=str(mirror))
    assert status == 0, output
    configuration = machine.written("terraform.rc")
    assert f'path    = "{mirror}"' in configuration
    assert f'include = ["{PROVIDER}", "{other}"]' in configuration
    assert f'exclude = ["{PROVIDER}", "{other}"]' in configuration
    assert "TF_PLUGIN_CACHE_DIR" not in machine.written("env")


def test_packed_mirror_is_unpacked_once(machine: Machine) -> None:
    """Terraform would unpack hundreds of megabytes for every layer."""
    machine.use_ready_venv()
    mirror = machine.provider_mirror(PROVIDER, unpacked=False)
    status, output = machine.setup(SLIPWAY_PROVIDER_MIRROR=str(mirror))
    assert status == 0, output
    assert "TF_PLUGIN_CACHE_DIR" in machine.written("env")


def test_named_mirror_without_the_provider_is_an_error(machine: Machine) -> None:
    """A mistyped directory is not silently replaced by a download."""
    status, output = machine.setup(SLIPWAY_PROVIDER_MIRROR=str(machine.home))
    assert status == 1
    assert f"error: SLIPWAY_PROVIDER_MIRROR names {machine.home}, which does not hold {PROVIDER}." in output


def test_terraforms_own_mirror_directory_comes_before_the_search(machine: Machine) -> None:
    """Terraform's documentation calls it an implied local mirror directory."""
    plugins = machine.home / ".terraform.d" / "plugins"
    shutil.move(machine.provider_mirror(PROVIDER), plugins)
    machine.fake("find", f"touch {machine.home}/searched")
    _, output = machine.setup("--check")
    assert f"mirror {plugins}" in output
    assert not (machine.home / "searched").exists()


def test_real_google_provider_of_a_mirror_is_the_one_that_runs(machine: Machine) -> None:
    """No stand-in where a mirror has the real one, and the output says which it is."""
    machine.use_ready_venv()
    mirror = machine.provider_mirror(PROVIDER, GOOGLE)
    status, output = machine.setup(SLIPWAY_PROVIDER_MIRROR=str(mirror))
    assert status == 0, output
    assert f"google provider            the real one, from the mirror {mirror}" in output
    assert f'include = ["{PROVIDER}", "{GOOGLE}"]' in machine.written("terraform.rc")
    assert "google-provider" not in machine.written("terraform.rc")


def test_stand_in_is_installed_where_it_is_wanted(machine: Machine) -> None:
    """Terraform finds the stand-in beside the mirror, runs it, and a second set-up leaves it alone."""
    machine.use_ready_venv()
    mirror = machine.provider_mirror(PROVIDER, GOOGLE)

    def setup() -> tuple[int, str]:
        return machine.setup(SLIPWAY_PROVIDER_MIRROR=str(mirror), SLIPWAY_GOOGLE_PROVIDER="stand-in")

    status, output = setup()
    assert status == 0, output
    assert "google provider            the stand-in one, as SLIPWAY_GOOGLE_PROVIDER says" in output
    configuration = machine.written("terraform.rc")
    assert f'include = ["{PROVIDER}"]' in configuration
    assert f'path    = "{machine.project}/.build/google-provider/mirror"' in configuration
    (machine.project / "main.tf").write_text(
        'terraform {\n  required_providers {\n    google = { source = "hashicorp/google", version = "7.45.0" }\n'
        "  }\n}\n"
        'resource "google_service_account" "this" {\n  account_id = "somebody"\n}\n'
    )
    script = ". .build/env && terraform init -input=false >&2 && terraform validate -no-color"
    result = subprocess.run(
        ["/bin/bash", "-c", script], cwd=machine.project, check=False, capture_output=True, text=True
    )
    assert "The configuration is valid" in result.stdout, result.stderr
    program = next((machine.project / ".build/google-provider/mirror").rglob("terraform-provider-google*"))
    written = program.stat().st_mtime_ns
    assert setup()[0] == 0
    assert program.stat().st_mtime_ns == written


def test_lock_files_of_google_layers_take_the_provider_that_set_up_chose(machine: Machine) -> None:
    """The stand-in is not taken for the release, and what Terraform adds to a lock file stays."""
    machine.use_ready_venv()
    layers = machine.project / "terraform/layers/gcp"
    shutil.copytree(ROOT / "terraform/layers/gcp", layers, ignore=shutil.ignore_patterns(".terraform*"))
    mirror = machine.provider_mirror(PROVIDER, GOOGLE)
    locks = [layer / ".terraform.lock.hcl" for layer in layers.iterdir() if layer.is_dir()]

    def setup(provider: str) -> str:
        status, output = machine.setup(SLIPWAY_PROVIDER_MIRROR=str(mirror), SLIPWAY_GOOGLE_PROVIDER=provider)
        assert status == 0, output
        (lock,) = {lock.read_text() for lock in locks}
        return lock

    def init(folder: Path) -> str:
        script = f". .build/env && terraform -chdir={folder} init -backend=false -input=false -no-color"
        run = subprocess.run(
            ["/bin/bash", "-c", script], cwd=machine.project, check=False, capture_output=True, text=True
        )
        return " ".join((run.stdout + run.stderr).split())

    checksums = {line for line in (layers / "google.lock.hcl").read_text().splitlines() if '"zh:' in line}
    stand_in = setup("stand-in")
    assert '"h1:' in stand_in
    assert not checksums & set(stand_in.splitlines())
    assert "Terraform has been successfully initialized" in init(locks[0].parent)
    assert setup("stand-in") == stand_in

    real = setup("real")
    assert checksums < set(real.splitlines())
    assert '"h1:' not in real
    locks[0].write_text(real.replace("hashes = [", 'hashes = [\n    "h1:of-this-platform",'))
    extended = locks[0].read_text()
    assert machine.setup(SLIPWAY_PROVIDER_MIRROR=str(mirror), SLIPWAY_GOOGLE_PROVIDER="real")[0] == 0
    assert locks[0].read_text() == extended

    assert setup("stand-in") == stand_in
    # As the release's lock file is once Terraform has installed that.
    locks[0].write_text(extended.replace("h1:of-this-platform", f"h1:{'A' * 43}="))
    assert "doesn't match any of the checksums previously recorded in the dependency lock file" in init(locks[0].parent)


def test_stand_in_beside_ones_own_terraform_configuration_is_an_error(machine: Machine) -> None:
    """Set-up does not write into a configuration that is not its own."""
    machine.use_ready_venv()
    (machine.home / ".terraformrc").write_text("")
    status, output = machine.setup("--check", SLIPWAY_GOOGLE_PROVIDER="stand-in")
    assert status == 1
    assert "does not know the stand-in" in output


def test_google_provider_is_real_or_stand_in(machine: Machine) -> None:
    """A word that means neither is refused."""
    machine.use_ready_venv()
    status, output = machine.setup("--check", SLIPWAY_GOOGLE_PROVIDER="maybe")
    assert status == 1
    assert "it must be real or stand-in" in output


def test_ones_own_terraform_configuration_decides(machine: Machine) -> None:
    """Credentials and mirrors that a user has set up are theirs."""
    machine.use_ready_venv()
    own = machine.home / ".terraformrc"
    own.write_text("disable_checkpoint = true\n")
    status, output = machine.setup()
    assert status == 0, output
    assert f"your Terraform configuration {own} decides" in output
    assert f"TF_CLI_CONFIG_FILE={own}\n" in machine.written("env")


# --- what is missing ------------------------------------------------------------------------------------


@as_root
def test_engine_that_does_not_answer_an_ordinary_user(machine: Machine) -> None:
    """Who may not start it is told how to, and how to be allowed to use it."""
    machine.fake("docker", "exit 1")
    machine.fake("dockerd", "exit 1")
    status, output = machine.setup(user=NOBODY)
    assert status == 1
    assert "error: Docker Engine does not answer this user." in output
    assert "sudo systemctl start docker" in output
    assert "sudo usermod -aG docker nobody" in output


@as_root
def test_unresolvable_localhost_names_for_an_ordinary_user(machine: Machine) -> None:
    """The exact command, because only root may install."""
    machine.fake("getent", "exit 2")
    status, output = machine.setup(user=NOBODY)
    assert status == 1
    assert "error: Packages are missing, and only root may install them here." in output
    assert "sudo apt-get update && sudo apt-get install --no-install-recommends libnss-myhostname" in output


@as_root
def test_localhost_names_that_stay_unresolvable(machine: Machine) -> None:
    """Installing the module is not enough where /etc/nsswitch.conf is managed by someone else."""
    machine.use_ready_venv()
    machine.fake("getent", "exit 2")
    machine.fake("apt-get", 'echo "$@"')
    status, output = machine.setup()
    assert status == 1
    assert "install --yes --no-install-recommends" in machine.written("apt.log")
    assert "error: names under .localhost still do not resolve" in output
    assert "/etc/nsswitch.conf" in output


@as_root
def test_package_that_cannot_be_installed(machine: Machine) -> None:
    """apt-get's own last words, and where the rest of them are."""
    machine.use_ready_venv()
    machine.fake("getent", "exit 2")
    machine.fake("apt-get", "echo 'E: Unable to locate package' >&2; exit 100")
    status, output = machine.setup()
    assert status == 1
    assert "E: Unable to locate package" in output
    assert "error: apt-get could not install libnss-myhostname" in output
    assert not Path("/etc/postgresql-common/createcluster.d/slipway.conf").exists()


def test_python_package_that_cannot_be_installed(machine: Machine) -> None:
    """pip's own last words; and the next run tries again."""
    (machine.project / "requirements.txt").write_text("./no-such-directory\n")
    for _ in range(2):
        status, output = machine.setup()
        assert status == 1
        assert "no-such-directory" in output
        assert "error: pip could not install requirements.txt" in output


def test_python_that_is_too_old(machine: Machine) -> None:
    """The version found, the version needed, and the variable that names another."""
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        machine.fake(name, '[ "$1" = --version ] && echo "Python 3.10.12" || exit 1')
    status, output = machine.setup()
    assert status == 1
    assert "error: Python 3.10.12 is too old; 3.11 or newer is needed." in output
    assert "SLIPWAY_PYTHON=" in output


# --- a machine with nothing: a container without a network ----------------------------------------------


def on_bare_machine(machine: Machine, script: str, *options: str) -> tuple[int, str]:
    """Run a script in a copy of the project on a bare Debian machine."""
    result = subprocess.run(
        [
            "docker", "run", "--rm", "--network", "none", *options,
            "--volume", f"{machine.project}:/source:ro", "--volume", f"{machine.programs}:/programs:ro",
            BARE_IMAGE, "sh", "-c", f"cp -r /source /project && cd /project && {script}",
        ],
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
    )  # fmt: skip
    return result.returncode, result.stdout


def test_bare_machine_lists_all_that_is_missing_at_once(machine: Machine) -> None:
    """As root: one error, for what set-up cannot get by itself, and the packages it would install."""
    status, output = on_bare_machine(machine, "env -i scripts/setup --check")
    assert status == 1
    assert "error: Terraform is not on PATH; 1.11 or newer, below 2, is needed." in output
    assert output.count("error:") == 1
    missing = {line.split()[1]: line.split()[-1] for line in output.splitlines() if line.startswith("MISSING")}
    assert missing.items() >= {
        "git": "git", "make": "make", "postgresql": "postgresql",
        "docker": "docker.io", "*.localhost": "libnss-myhostname",
    }.items()  # fmt: skip


def test_bare_machine_without_root_gets_one_command_for_everything(machine: Machine) -> None:
    """No engine, and nobody who may install one."""
    status, output = on_bare_machine(machine, "setpriv --reuid 65534 --clear-groups env -i scripts/setup")
    assert status == 1
    assert "error: Packages are missing, and only root may install them here." in output
    assert "apt-get install --no-install-recommends git make postgresql docker.io apparmor" in output
    assert "Nothing was changed." in output


def install_fakes_for_a_bare_machine(machine: Machine) -> None:
    """Stand in for everything that a machine without a network cannot install."""
    machine.fake_terraform("1.11.4")
    for name in ("git", "make", "openssl", "initdb", "psql"):
        machine.fake(name, "exit 0")
    machine.fake("docker", '[ -e /engine-runs ] || exit 1; [ "$1" != version ] || echo 20.10.24')
    (machine.project / "requirements.txt").write_text("# nothing\n")
    # Without the packages it needs, and without an engine to ask.
    (machine.project / "emulator/src/slipway_emulator/__main__.py").write_text("")


def test_installed_engine_is_started_detached(machine: Machine) -> None:
    """It outlives the set-up and writes to a log; a machine without systemd has nobody else to start it."""
    install_fakes_for_a_bare_machine(machine)
    machine.fake("dockerd", "echo API listen; touch /engine-runs; exec sleep 60")
    status, output = on_bare_machine(
        machine,
        "PATH=/programs:$PATH scripts/setup && cat .build/dockerd.log && cat /proc/[0-9]*/comm",
        "--add-host", "probe.localhost:127.0.0.1", "--env", "SLIPWAY_GOOGLE_PROVIDER=real",
    )  # fmt: skip
    assert status == 0, output
    assert "start    docker" in output
    assert "ready    docker                     Engine 20.10.24 answers" in output
    assert "API listen" in output
    assert "sleep" in output.splitlines()


def test_engine_that_cannot_start_shows_its_last_words(machine: Machine) -> None:
    """Set-up does not wait a minute for a process that has ended."""
    install_fakes_for_a_bare_machine(machine)
    machine.fake("dockerd", "echo 'failed to start daemon: no iptables' >&2; exit 1")
    started = time.monotonic()
    status, output = on_bare_machine(
        machine, "PATH=/programs:$PATH scripts/setup", "--add-host", "probe.localhost:127.0.0.1"
    )
    assert status == 1
    assert time.monotonic() - started < 30
    assert "failed to start daemon: no iptables" in output
    assert "error: Docker Engine did not start" in output
    assert ".build/dockerd.log" in output


# --- the Makefile ---------------------------------------------------------------------------------------


def make(*arguments: str) -> str:
    """Run make with a scrubbed environment and return what it printed."""
    return subprocess.run(["make", *arguments], cwd=ROOT, env={}, check=True, capture_output=True, text=True).stdout


def test_make_alone_lists_what_there_is_to_make() -> None:
    """Each target has a line of help."""
    listed = {line.split()[0] for line in make().split("\n\n")[0].splitlines()}
    targets = "help setup check deploy destroy stop generate policies statements lint site test test-quick clean"
    assert listed == set(targets.split())


def test_make_test_runs_every_end_to_end_test() -> None:
    """They are named one by one, in the order they build on each other."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["testpaths"]
    files = {f"tests/e2e/{file.name}" for file in (ROOT / "tests/e2e").glob("test_*.py")}
    assert files == {name for name in named if name.startswith("tests/e2e/")}


def test_make_passes_arguments_on() -> None:
    """The inventory and the arguments for ansible-playbook and pytest."""
    assert "ansible-playbook site.yml -i inventories/dev --limit tasks" in make(
        "--dry-run", "deploy", "ANSIBLE_ARGS=--limit tasks"
    )
    assert "-i inventories/staging" in make("--dry-run", "deploy", "INVENTORY=inventories/staging")
    assert "--no-loadscope-reorder -k network" in make("--dry-run", "test", "ARGS=-k network")
    assert "tests/inventory -k network" in make("--dry-run", "test-quick", "ARGS=-k network")


def test_make_stop_needs_no_setup() -> None:
    """Stopping must not start by installing an engine."""
    assert "scripts/setup" not in make("--dry-run", "clean")
