"""The playbook validate.yml, run as a person runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.inventory.example import OWN_ACCOUNT, PLATFORMS, PROJECT, move_host


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """A copy of the dev inventory, which a test may change."""
    project = tmp_path / "project"
    folder = project / "inventories" / "dev"
    shutil.copytree(PROJECT / "inventories" / "dev", folder)
    shutil.copytree(PROJECT / "app", project / "app", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(PROJECT / "Dockerfile", project)
    return folder


def validate(
    inventory: Path | str,
    *arguments: str,
    path: str | None = None,
    playbook: str = "validate",
    settings: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the playbook, or another that begins with it.

    Args:
        inventory: what stands behind -i.
        arguments: more arguments of `ansible-playbook`.
        path: the PATH to run with, instead of this process's.
        playbook: name of its file.
        settings: more environment variables.
    """
    program = str(Path(sys.executable).parent / "ansible-playbook")
    environment = os.environ | {"ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "200"} | (settings or {})
    if path is not None:
        environment["PATH"] = path
    return subprocess.run(
        [program, f"playbooks/{playbook}.yml", "-i", str(inventory), *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_run_ends_with_what_took_longest(inventory: Path) -> None:
    run = validate(inventory)
    assert run.returncode == 0, run.stdout + run.stderr
    _, found, longest = run.stdout.partition("TASKS RECAP")
    assert found
    assert 1 < len(re.findall(r" -+ \d+\.\d\ds$", longest, re.MULTILINE)) <= 5


@pytest.mark.parametrize("callback", ["ansible.posix.json", "ansible.posix.jsonl"])
def test_run_is_read_by_a_program(inventory: Path, callback: str) -> None:
    run = validate(inventory, settings={"ANSIBLE_STDOUT_CALLBACK": callback, "ANSIBLE_CALLBACKS_ENABLED": callback})
    assert run.returncode == 0, run.stdout + run.stderr
    text = run.stdout if callback == "ansible.posix.json" else run.stdout.splitlines()[-1]
    assert all(not counts["failures"] for counts in json.loads(text)["stats"].values())


def refused(run: subprocess.CompletedProcess[str]) -> list[str]:
    """The problems that a run that was refused lists."""
    assert run.returncode == 2, run.stdout + run.stderr
    assert "Nothing was touched. What is wrong:" in run.stdout
    return re.findall(r"^ +- (.*)$", run.stdout, re.MULTILINE)


def passed(run: subprocess.CompletedProcess[str]) -> None:
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"^main +: ok=[23] +changed=0 ", run.stdout, re.MULTILINE) or "--limit" in run.args


def tool(folder: Path, name: str, script: str) -> None:
    """Put a program on the PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_dev_needs_no_edit() -> None:
    passed(validate("inventories/dev"))


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_staging_and_prod_need_an_account_and_a_project(environment: str) -> None:
    inventory = f"inventories/{environment}"
    account, project = refused(validate(inventory))
    assert 'slipway_account_id is "your-account-id"; it must be the 12 digits of an AWS account' in account
    assert account.endswith(f"Edit {inventory}/group_vars/all/environment.yml.")
    assert 'slipway_google_project is "your_project_id"; it must be a project\'s id' in project
    assert project.endswith(f"Edit {inventory}/group_vars/gcp/cloud.yml.")
    passed(validate(inventory, "-e", json.dumps(OWN_ACCOUNT)))


def _begins_with(playbook: Path) -> Path:
    """The playbook that is read first: the one that another begins with an import of, or itself."""
    imported = yaml.safe_load(playbook.read_text())[0].get("ansible.builtin.import_playbook")
    return _begins_with(playbook.parent / imported) if imported else playbook


def test_a_playbook_that_does_not_find_the_collection_says_what_to_do(tmp_path: Path) -> None:
    # deploy.yml imports summary.yml, and awx.yml uses nothing of the collection.
    playbooks = [file for file in (PROJECT / "playbooks").glob("*.yml") if file.stem not in ("summary", "awx")]
    first = {_begins_with(playbook) for playbook in [PROJECT / "site.yml", *playbooks]}
    assert {playbook.stem for playbook in first} == {"validate", "drift", "destroy", "remove_bootstrap"}
    for playbook in first:
        run = subprocess.run(
            [Path(sys.executable).parent / "ansible-playbook", playbook, "-i", PROJECT / "inventories/dev"],
            cwd=tmp_path,
            env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path), "ANSIBLE_FORCE_COLOR": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "PLAY" not in run.stdout
        assert run.stderr.partition("\n")[0] == (
            "[ERROR]: Nothing was done, because Ansible does not find the collection slipway.provision. Run this in "
            f"{PROJECT}, or anywhere after export ANSIBLE_CONFIG={PROJECT}/ansible.cfg, where make setup has been run; "
            f"or install it: ansible-galaxy collection install --no-deps {PROJECT}"
        )


def test_inventory_in_a_repository_of_its_own(tmp_path: Path) -> None:
    """Its shared files say where the application is, from the folder of the environment on."""
    shutil.copytree(PROJECT / "inventories", tmp_path / "inventories", symlinks=True)
    folder = tmp_path / "inventories" / "dev"
    assert refused(validate(folder)) == [
        f"tasks, beers, records, web, hello, hello-gcp: image_source is {tmp_path}/app, which is no folder; it must be "
        f"the application's. Edit {folder}/group_vars/all/shared.yml."
    ]


def test_everything_is_listed_at_once(inventory: Path) -> None:
    hosts = inventory / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("ecs_public:", "ecs_pubic:"))
    (inventory / "host_vars/tasks/data.yml").write_text("data_multi_azz: true\ndata_multi_az: maybe\n")
    (inventory / "host_vars/beers/service.yml").write_text("service_zone_create: false\nservice_zone_name:\n")
    (inventory / "host_vars/hello/data.yml").write_text("data_instance_class: db.t3.micro\n")
    (inventory / "host_vars/main").mkdir(exist_ok=True)
    (inventory / "host_vars/main/network.yml").write_text("network_cidr_block: 10.0.0.0/33\n")
    environment = inventory / "group_vars/all/environment.yml"
    environment.write_text(environment.read_text().replace("slipway_region:", "slipway_regoin:"))
    problems = "\n".join(refused(validate(inventory)))
    for text in (
        "records: stands in no platform group: it is in aws, ecs_pubic (did you mean ecs_public?); below apps it must "
        f"stand in one of {PLATFORMS}. Edit {inventory}/hosts.yml.",
        "main, main-gcp, tasks, beers, records, web, hello, hello-gcp: there is no variable of the project named "
        f"slipway_regoin (did you mean slipway_region?). Edit {inventory}/group_vars/all/environment.yml.",
        "main, tasks, beers, records, web, hello: slipway_region is not set; it must be the region, such as "
        f"us-east-1. Write it into {inventory}/group_vars/all/environment.yml.",
        'main: network_cidr_block is "10.0.0.0/33"; it must be an IPv4 network address with a length of /16 to /28, '
        "such as 10.0.0.0/16, without bits beyond its length. "
        f"Edit {inventory}/host_vars/main/network.yml.",
        "tasks: there is no input of the layer data named data_multi_azz (did you mean data_multi_az?). "
        f"Edit {inventory}/host_vars/tasks/data.yml.",
        f'tasks: data_multi_az is "maybe"; a bool is required. Edit {inventory}/host_vars/tasks/data.yml.',
        'beers: service_zone_name is not set, but service_domain_name is "beers.dev.localhost"; it must be the Route '
        "53 zone that the domain is in: it gets the domain's record, and the one that proves a certificate which is "
        "made. "
        f"Edit {inventory}/host_vars/beers/service.yml.",
        "hello: data_instance_class does nothing, because the app does not have a database: data_database_name asks "
        f"for one. Edit {inventory}/host_vars/hello/data.yml.",
    ):
        assert text in problems


def test_all_hosts_are_checked_whatever_runs(inventory: Path) -> None:
    (inventory / "host_vars/beers/service.yml").write_text("service_container_port: 80\n")
    (problem,) = refused(validate(inventory, "--limit", "tasks", "--tags", "image", "--check"))
    assert problem.startswith("beers: service_container_port is 80; it must be a whole number from 1024 to 65535")


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_apps_move_to_google_cloud_by_their_host_lines(environment: str, inventory: Path) -> None:
    shutil.rmtree(inventory)
    shutil.copytree(PROJECT / "inventories" / environment, inventory)
    for app in {"beers", "records"} & {path.name for path in inventory.glob("host_vars/*")}:
        move_host(inventory / "hosts.yml", app, "cloud_run")
    passed(validate(inventory, *([] if environment == "dev" else ["-e", json.dumps(OWN_ACCOUNT)])))


def test_real_values_pass(inventory: Path) -> None:
    app = inventory / "host_vars/tasks/app.yml"
    app.write_text(
        app.read_text().replace(
            "  APP_FEATURES: tasks\n",
            """\
  APP_FEATURES: tasks
  MOTTO: "it's \\"$HOME\\" 100 % sure ${nothing} #1 \\\\ é"
  BUCKET_URL: "s3://{{ data_outputs.bucket_name }}/"
  BRACES: !unsafe "{{ not a template }}"
  LEFT_OUT:
  REPLICAS: 3
""",
        )
    )
    passed(validate(inventory))


def test_vault_without_its_password(inventory: Path, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("of the vault")
    program = str(Path(sys.executable).parent / "ansible-vault")
    encrypted = subprocess.run(
        [program, "encrypt_string", "--vault-password-file", password, "--name", "  MOTTO", "Welcome"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    app = inventory / "host_vars/tasks/app.yml"
    app.write_text(app.read_text().replace("  APP_FEATURES: tasks\n", f"  APP_FEATURES: tasks\n{encrypted}\n"))
    (problem,) = refused(validate(inventory))
    assert problem == (
        "tasks: app_environment_variables is encrypted by Ansible Vault, and the run has no password of it, or another "
        f"one. Give it by --vault-password-file or --ask-vault-pass; it stands in {inventory}/host_vars/tasks/app.yml."
    )
    passed(validate(inventory, "--vault-password-file", str(password)))


def test_template_that_cannot_be_rendered(inventory: Path) -> None:
    (inventory / "host_vars/tasks/service.yml").write_text('service_zone_name: "{{ my_domain }}"\n')
    (problem,) = refused(validate(inventory))
    assert problem == (
        "tasks: service_zone_name cannot be read: 'my_domain' is undefined. "
        f"Edit {inventory}/host_vars/tasks/service.yml."
    )


def test_inventory_that_does_not_exist() -> None:
    for arguments in ((), ("--limit", "tasks")):
        run = validate("inventories/nonexistent", *arguments)
        assert run.returncode != 0
        assert "inventories/nonexistent" in run.stdout + run.stderr


def test_inventory_without_hosts(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all:\n  hosts:\n    web:\n")
    (problem,) = refused(validate(tmp_path))
    assert problem == (
        f"the inventory {tmp_path} has no host in the groups apps and networks, so there is nothing to do. "
        "Give one with -i, such as inventories/dev, inventories/prod, inventories/staging."
    )


def test_limit_to_a_host_that_does_not_exist() -> None:
    run = validate("inventories/dev", "--limit", "taks")
    assert run.returncode != 0
    assert "taks" in run.stdout + run.stderr


def test_two_apps_of_one_name(inventory: Path) -> None:
    hosts = inventory / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("            beers:\n", "            tasks:\n"))
    run = validate(inventory)
    assert run.returncode != 0
    assert "duplicate" in run.stdout + run.stderr
    assert "tasks" in run.stdout + run.stderr


def test_app_in_two_groups(inventory: Path) -> None:
    hosts = inventory / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("            records:\n", "            records:\n            tasks:\n"))
    (problem,) = refused(validate(inventory))
    assert problem.startswith("tasks: stands in the platform groups ecs and ecs_public; it must stand in one")


def test_machine_without_terraform_and_engine(tmp_path: Path) -> None:
    tool(tmp_path / "bin", "docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    problems = refused(validate("inventories/dev", path=f"{tmp_path}/bin:/usr/bin:/bin"))
    assert problems == [
        "this machine: Terraform is not on PATH; it must be >= 1.11, < 2.0. make setup says how to get it.",
        "this machine: no Docker engine answers, and an image must be built (docker: Cannot connect to the Docker "
        "daemon). make setup installs and starts one; DOCKER_HOST names another.",
    ]


@pytest.mark.parametrize(
    ("playbook", "arguments"), [("validate", ["--limit", "main"]), ("smoke_check", [])], ids=["network", "smoke check"]
)
def test_wrong_terraform_and_no_engine_needed(tmp_path: Path, playbook: str, arguments: list[str]) -> None:
    tool(tmp_path / "bin", "terraform", """echo '{"terraform_version": "1.10.5"}'""")
    tool(tmp_path / "bin", "docker", "exit 1")
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    problems = refused(validate("inventories/dev", *arguments, path=path, playbook=playbook))
    assert problems == [
        "this machine: Terraform on PATH is 1.10.5; it must be >= 1.11, < 2.0. make setup says how to get it."
    ]


def test_adding_an_app_as_the_documentation_says(inventory: Path) -> None:
    text = (PROJECT / "docs/how-to/add-an-app.md").read_text()
    blocks = re.findall(r"^```yaml\n# inventories/dev/(\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (hosts, lines), *files = blocks
    assert hosts == "hosts.yml"
    before = lines.replace("            guests:\n", "")
    current = (inventory / hosts).read_text()
    assert before in current
    (inventory / hosts).write_text(current.replace(before, lines))
    for name, content in files:
        (inventory / name).parent.mkdir(parents=True, exist_ok=True)
        (inventory / name).write_text(content)
    shutil.copytree(PROJECT / "tests/e2e/foreign_app", inventory.parents[2] / "guests")
    passed(validate(inventory))


def test_an_app_that_may_not_answer_this_machine_is_named(inventory: Path) -> None:
    assert "service_allowed_cidr_blocks lets" not in validate(inventory).stdout
    file = inventory / "host_vars/records/service.yml"
    file.write_text("service_allowed_cidr_blocks: [203.0.113.0/24, 198.51.100.7/32]\n")
    said = " ".join(validate(inventory).stdout.split())
    assert "WARNING: records: service_allowed_cidr_blocks lets 203.0.113.0/24 and 198.51.100.7/32 in alone" in said
    assert "fails at the smoke check" in said


@pytest.mark.parametrize(
    ("arguments", "callbacks", "message"),
    [
        ([], "slipway.provision.run_times", "Nothing was done: drift is looked for by a dry run. Add --check"),
        (
            ["--check"],
            "ansible.posix.profile_tasks",
            "the callback slipway.provision.run_times notes what would change",
        ),
    ],
)
def test_drift_needs_a_dry_run_and_its_callback(
    inventory: Path, arguments: list[str], callbacks: str, message: str
) -> None:
    run = validate(inventory, *arguments, playbook="drift", settings={"ANSIBLE_CALLBACKS_ENABLED": callbacks})
    assert run.returncode != 0
    assert message in " ".join(run.stdout.split())
    # It is refused before the inventory is read.
    assert "Check the inventory" not in run.stdout
