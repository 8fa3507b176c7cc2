"""Specifications, defaults, READMEs, Terraform and playbooks agree; a difference would be seen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract import checks

_PROJECT = Path(__file__).resolve().parents[2]
_Check = Callable[[Path], Iterator[str]]
_CHECKS: list[_Check] = [
    checks.one_shape,
    checks.defaults_equal_specification,
    checks.readme_example_is_valid,
    checks.generated_is_current,
    checks.outputs_exist,
    checks.used_outputs_exist,
    checks.examples_are_complete,
    checks.shared_variables_are_options,
    checks.roots_are_those_of_roles,
    checks.entry_points_are_fixed,
]


@pytest.mark.parametrize("check", _CHECKS, ids=lambda check: check.__name__)
def test_all_agree(check: _Check) -> None:
    assert list(check(_PROJECT)) == []


@pytest.mark.parametrize(
    ("check", "file", "old", "new", "problem"),
    [
        (
            checks.one_shape,
            "roles/image/README.md",
            "## Errors",
            "## Faults",
            "roles/image/README.md has the headings",
        ),
        (
            checks.one_shape,
            "molecule/image_alternative/verify.yml",
            None,
            None,
            "image_alternative/verify.yml is missing",
        ),
        (
            checks.defaults_equal_specification,
            "roles/image/defaults/main.yml",
            "image_build_timeout_seconds: 1800",
            "image_build_timeout_seconds: 900",
            "the default of image_build_timeout_seconds is 900, the specification says 1800",
        ),
        (
            checks.defaults_equal_specification,
            "roles/migration/defaults/main.yml",
            'migration_user: "10001"',
            "migration_user: 10001",
            "the default of migration_user is 10001, the specification says '10001'",
        ),
        (
            checks.generated_is_current,
            "roles/smoke_check/meta/argument_specs.yml",
            "default: 60",
            "default: 30",
            "roles/smoke_check/README.md is out of date",
        ),
        (
            checks.readme_example_is_valid,
            "roles/data/README.md",
            "      data_bucket_enabled: true",
            "      data_bucket: true",
            "the example sets data_bucket, which is no option",
        ),
        (
            checks.generated_is_current,
            "terraform/layers/aws/data/variables.tf",
            "default     = 20\n",
            "default     = 25\n",
            "roles/data/meta/argument_specs.yml is out of date",
        ),
        (
            checks.generated_is_current,
            "terraform/layers/aws/service_ecs/variables.tf",
            'variable "ssl_policy"',
            'variable "tls_policy"',
            "roles/service/meta/argument_specs.yml is out of date",
        ),
        (
            checks.generated_is_current,
            "roles/service/README.md",
            "Number of tasks to run.",
            "Number of tasks.",
            "roles/service/README.md is out of date",
        ),
        (
            checks.generated_is_current,
            "terraform/layers/aws/network/outputs.tf",
            "Id of the VPC.",
            "The VPC.",
            "terraform/layers/aws/network/README.md is out of date",
        ),
        (
            checks.outputs_exist,
            "terraform/layers/aws/network/outputs.tf",
            'output "public_subnet_ids"',
            'output "subnet_ids"',
            "no output public_subnet_ids of layer network for the variable network_public_subnet_ids",
        ),
        (
            checks.used_outputs_exist,
            "terraform/layers/aws/data/outputs.tf",
            'output "bucket_name"',
            'output "bucket"',
            "uses data_outputs.bucket_name, which data does not put out",
        ),
        (
            checks.examples_are_complete,
            "terraform/layers/aws/service_ecs/terraform.tfvars.example",
            "image = ",
            "picture = ",
            "does not set image, which is required",
        ),
        (
            checks.shared_variables_are_options,
            "playbooks/vars/role_inputs.yml",
            "smoke_check_url:",
            "smoke_check_address:",
            "sets smoke_check_address, which is no role's option",
        ),
        (
            checks.roots_are_those_of_roles,
            "roles/data/tasks/main.yml",
            "{{ data_cloud }}/data",
            "{{ data_cloud }}/database",
            "roles/data applies <cloud>/database, the layer is <cloud>/data",
        ),
        (
            checks.entry_points_are_fixed,
            "playbooks/deploy.yml",
            "tasks_from: backend",
            'tasks_from: "{{ terraform_layer_state_store }}"',
            "playbooks/deploy.yml: tasks_from: ",
        ),
    ],
)
def test_a_difference_is_seen(
    tmp_path: Path, check: _Check, file: str, old: str | None, new: str | None, problem: str
) -> None:
    for folder in ("roles", "terraform/layers", "playbooks", "molecule", "docs/platforms"):
        ignored = shutil.ignore_patterns(".terraform")
        shutil.copytree(_PROJECT / folder, tmp_path / folder, ignore=ignored)
    changed = tmp_path / file
    if old is None or new is None:
        changed.unlink()
    else:
        assert old in changed.read_text()
        changed.write_text(changed.read_text().replace(old, new))
    assert any(problem in found for found in check(tmp_path))
