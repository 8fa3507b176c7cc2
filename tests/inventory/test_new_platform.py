"""A platform is a folder and what is done for it, a layer a folder and a role: a made-up one of each, in a copy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plugins.filter.rds_ca import rds_ca_file
from plugins.plugin_utils.platforms import layer_names, read_platforms
from tests.inventory.example import PROJECT, Json
from tests.inventory.test_plans import NETWORK, OUTPUTS, as_hcl

ADDED = [Path(__file__).parent / "new_platform", Path(__file__).parent / "new_layer"]
APP = "ledger"
DIGEST = OUTPUTS["image_outputs"]["digest"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with the platform and the layer, and an app with both in the environment dev."""
    folder = tmp_path_factory.mktemp("project")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in listed.rstrip("\0").split("\0"):
        # A file may be deleted and not yet be committed.
        if (PROJECT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name, follow_symlinks=False)
    before = {path for path in folder.rglob("*") if path.is_file()}
    for added in ADDED:
        shutil.copytree(added, folder, dirs_exist_ok=True)
        assert before.isdisjoint(folder / path.relative_to(added) for path in added.rglob("*") if path.is_file())
    collections = folder / ".build/collections/ansible_collections/slipway"
    collections.mkdir(parents=True)
    (collections / "provision").symlink_to(folder)
    environment = os.environ | {"PYTHONPATH": str(folder / ".build/collections")}
    subprocess.run([sys.executable, "-m", "terraform.generate"], cwd=folder, env=environment, check=True)
    inventory = folder / "inventories/dev"
    hosts = (inventory / "hosts.yml").read_text()
    group = f"        mainframe:\n          hosts:\n            {APP}:\n"
    (inventory / "hosts.yml").write_text(
        hosts.replace("        ecs_public:\n          hosts:\n", f"{group}        ecs_public:\n          hosts:\n")
    )
    (inventory / "host_vars" / APP).mkdir()
    variables = {
        "image_source": str(folder / "app"),
        "image_dockerfile": str(folder / "Dockerfile"),
        "data_database_name": "ledger",
        "service_partitions": 3,
        "queue_depth": 5,
    }
    (inventory / "host_vars" / APP / "app.yml").write_text(json.dumps(variables))
    return folder


def play(project: Path, playbook: str, **variables: object) -> subprocess.CompletedProcess[str]:
    """Run a playbook of the copy on its environment dev."""
    return subprocess.run(
        [
            Path(sys.executable).parent / "ansible-playbook",
            playbook,
            "-i",
            "inventories/dev",
            "-e",
            json.dumps(variables),
        ],
        cwd=project,
        env=os.environ | {"ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_app_on_it_is_validated(project: Path) -> None:
    done = play(project, "playbooks/validate.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"WARNING: {APP}: the platform mainframe is deprecated. It was made up. Use ecs instead" in " ".join(
        done.stdout.split()
    )
    own = project / "inventories/dev/host_vars" / APP / "service.yml"
    elsewhere = project / "inventories/dev/host_vars/hello-gcp/queue.yml"
    elsewhere.write_text("queue_depth: 5\n")
    own.write_text("service_partitons: 4\napp_environment_variables: {LPAR: x}\nqueue_depth: 0.5\nqueue_size: 1\n")
    try:
        done = play(project, "playbooks/validate.yml")
    finally:
        own.unlink()
        elsewhere.unlink()
    said = " ".join(done.stdout.split())
    on_aws = [
        name for name, platform in read_platforms(project / "terraform/layers").items() if platform.cloud == "aws"
    ]
    assert (
        f"{APP}: there is no input of the layer service_mainframe named service_partitons (did you mean "
        "service_partitions?)" in said
    )
    assert (
        "hello-gcp: queue_depth is not for the platform cloud_run: it has no layer queue; an app with queue must stand "
        f"in one of {', '.join(on_aws)} in" in said
    )
    assert f"{APP}: there is no input of the layer queue named queue_size (did you mean queue_depth?)" in said
    assert f"{APP}: queue_depth is 0.5; it must be a whole number from 1. Edit" in said
    assert f"{APP}: app_environment_variables holds LPAR, which the platform sets (from service_partitions)" in said


def test_it_is_documented(project: Path) -> None:
    readme = (project / "roles/service/README.md").read_text()
    assert "| `service_partitions` | `1` | Number of partitions. |" in readme
    assert (
        "| `queue_depth` | `10` | Number of messages that the queue holds. |"
        in (project / "roles/queue/README.md").read_text()
    )
    layers = ", ".join(layer_names(project / "terraform/layers"))
    assert "queue" in layers
    assert f"choices: [{layers}]" in (project / "roles/terraform_layer/meta/argument_specs.yml").read_text()
    comparison = (project / "docs/platforms/README.md").read_text()
    assert "[`mainframe`](mainframe.md) |" in comparison
    assert "| a logical partition |" in comparison
    for role, entry_point, text in (
        ("service", "mainframe", "Number of partitions."),
        ("queue", "main", "Number of messages that the queue holds."),
    ):
        shown = subprocess.run(
            [Path(sys.executable).parent / "ansible-doc", "-t", "role", f"slipway.provision.{role}", "-e", entry_point],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert shown.returncode == 0, shown.stderr
        assert text in shown.stdout


def test_its_layer_plans_with_what_an_app_is_given(project: Path) -> None:
    file = project / "rendered.json"
    terraform = {"terraform_layer_terraform_directory": str(project / "terraform")}
    upstream = {"render_upstream_outputs": OUTPUTS["render_upstream_outputs"] | {"queue": {"network": NETWORK}}}
    # The emulator, which does not run here, would have written the file.
    authorities = {"slipway_database_ca_file": rds_ca_file("us-east-1")}
    given = {"render_file": str(file)} | terraform | OUTPUTS | upstream | authorities
    done = play(project, "tests/playbooks/render_inputs.yml", **given)
    assert done.returncode == 0, done.stdout + done.stderr
    roots: dict[str, Json] = json.loads(file.read_text())[APP]
    assert sorted(roots) == ["aws/data", "aws/queue", "aws/registry", "aws/service_mainframe"]
    assert roots["aws/queue"] == {"depth": 5, "name": f"dev-{APP}", "network_vpc_id": "vpc-1"}
    root = project / "terraform/layers/aws/service_mainframe"
    variables = "".join(f"  {name} = {as_hcl(value)}\n" for name, value in roots["aws/service_mainframe"].items())
    (root / "tests").mkdir()
    (root / "tests/app.tftest.hcl").write_text(
        f"variables {{\n{variables}}}\n"
        'run "plan" {\n  command = plan\n  assert {\n    condition = terraform_data.this.input.partitions == 3\n'
        '    error_message = "partitions"\n  }\n}\n'
    )
    for arguments in (["init", "-backend=false", "-input=false"], ["test"]):
        done = subprocess.run(
            ["terraform", *arguments, "-no-color"], cwd=root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 0 failed" in done.stdout


@pytest.mark.parametrize("digest", [DIGEST, f"sha256:{'0' * 64}"], ids=["as asked", "another"])
def test_its_deployment_is_followed(project: Path, digest: str) -> None:
    outputs = {"system": "SYS1", "image": f"app@{digest}", "app_url": "https://ledger.example.org"}
    done = play(
        project,
        "deployment_of_mainframe.yml",
        service_outputs=outputs,
        service_image=f"app@{DIGEST}",
        expected_url=outputs["app_url"],
    )
    if digest == DIGEST:
        assert done.returncode == 0, done.stdout + done.stderr
    else:
        assert done.returncode == 2
        assert f"SYS1 runs {digest} in LPAR1, asked for was {DIGEST}" in done.stdout
