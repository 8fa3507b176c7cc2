"""A role reads what it declares, sets or registers, and nothing else."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from jinja2 import meta

from plugins.plugin_utils.inventory import LAYERS

PROJECT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (PROJECT / "roles").iterdir() if path.is_dir())
# "Special Variables" in Ansible's documentation, as far as roles read them, and the functions of its templates.
MAGIC = {
    "ansible_check_mode",
    "ansible_play_hosts",
    "ansible_playbook_python",
    "hostvars",
    "inventory_dir",
    "inventory_hostname",
    "lookup",
    "now",
    "omit",
    "q",
    "query",
    "role_path",
    "undef",
}
# Keywords whose value is an expression by itself.
EXPRESSIONS = {"when", "until", "failed_when", "changed_when", "break_when", "that", "var"}

Json = dict[str, Any]


def undeclared(project: Path, role: str) -> Iterator[str]:
    """Each variable that a role reads and nothing of the role gives, with the file."""
    folder = project / "roles" / role
    given = MAGIC | _declared(project, role)
    contents = {
        file: _load(file) for part in ("defaults", "vars", "tasks", "handlers") for file in _files(folder, part)
    }
    for file, content in contents.items():
        given |= set(content or {}) if file.parent.name in ("defaults", "vars") else set(_set_by(content))
    for file, content in contents.items():
        for text in _templates(content):
            yield from (f"{file.relative_to(project)}: {name}" for name in _read(text) - given)
    for file in folder.glob("templates/*"):
        yield from (f"{file.relative_to(project)}: {name}" for name in _read(file.read_text()) - given)


def _declared(project: Path, role: str) -> set[str]:
    """Options of a role, and what it gets from the role terraform_layer where it imports that."""
    points = _load(project / f"roles/{role}/meta/argument_specs.yml")["argument_specs"].values()
    options = {name for point in points for name in point.get("options", {})}
    if role not in LAYERS:
        return options
    return options | {f"{role}_outputs"} | _declared(project, "terraform_layer")


def _files(folder: Path, part: str) -> list[Path]:
    return sorted((folder / part).glob("*.yml"))


def _load(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def _set_by(content: Any) -> Iterator[str]:
    """Names that tasks register, set as facts, loop with or give as `vars`."""
    if isinstance(content, list):
        for item in content:
            yield from _set_by(item)
    elif isinstance(content, dict):
        for key, value in content.items():
            if key == "register":
                yield value
            elif key in ("vars", "ansible.builtin.set_fact"):
                yield from value
            elif key == "loop_control":
                yield from (value[name] for name in ("loop_var", "index_var") if name in value)
            else:
                yield from _set_by(value)


def _templates(content: Any, *, is_expression: bool = False) -> Iterator[str]:
    """Every template of a file; expressions are put into braces."""
    if isinstance(content, str):
        yield f"{{{{ {content} }}}}" if is_expression else content
    elif isinstance(content, list):
        for item in content:
            yield from _templates(item, is_expression=is_expression)
    elif isinstance(content, dict):
        for key, value in content.items():
            yield key
            yield from _templates(value, is_expression=is_expression or key in EXPRESSIONS)


def _read(text: str) -> set[str]:
    """Names that a template reads."""
    return meta.find_undeclared_variables(_ENVIRONMENT.parse(text))


class _Known(dict[str, Any]):
    """Filters or tests of every name: which there are, only running a template needs."""

    def get(self, *_: Any) -> Any:
        """Something for any name."""
        return str


_ENVIRONMENT = jinja2.Environment(autoescape=True)
_ENVIRONMENT.filters, _ENVIRONMENT.tests = _Known(), _Known()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reads_what_it_declares(role: str) -> None:
    assert list(undeclared(PROJECT, role)) == []


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("roles/service/tasks/main.yml", "service_region", "slipway_region"),
        ("roles/migration/defaults/main.yml", "us-east-1", '"{{ slipway_region }}"'),
        ("roles/migration/vars/main.yml", "migration_image else", "image_outputs else"),
        ("roles/migration/tasks/main.yml", "- __migration_needed", "- data_outputs"),
        ("roles/database_access/templates/reconcile_grants.sql.j2", "database_access_schema", "app_schema"),
    ],
)
def test_a_variable_that_is_not_declared_is_seen(tmp_path: Path, file: str, old: str, new: str) -> None:
    shutil.copytree(PROJECT / "roles", tmp_path / "roles")
    changed = tmp_path / file
    assert old in changed.read_text()
    changed.write_text(changed.read_text().replace(old, new))
    name = re.search(r"\w+_\w+", new)
    assert name
    assert f"{file}: {name[0]}" in list(undeclared(tmp_path, Path(file).parts[1]))
