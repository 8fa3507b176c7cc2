"""Each plugin is documented; the documentation of an action is what it takes."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

_PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
_ACTIONS = sorted(file.stem for file in (_PLUGINS / "action").glob("[a-z]*.py"))
_KEYS = {"choices", "default", "description", "elements", "required", "suboptions", "type"}
_FILTERS = {
    name: function
    for file in (_PLUGINS / "filter").glob("[a-z]*.py")
    for name, function in importlib.import_module(f"plugins.filter.{file.stem}").FilterModule().filters().items()
}
# Those of meta/ee-requirements.txt, what comes with them, and what ansible-core needs for other things.
_LIBRARIES = (
    "boto3",
    "botocore",
    "docker",
    "google",
    "hcl2",
    "jmespath",
    "oras",
    "packaging",
    "psycopg",
    "pygraphviz",
    "requests",
    "urllib3",
)

Json = dict[str, Any]


def _unread(options: Json) -> set[str]:
    """Keys of options that Ansible does not read as an argument spec."""
    return {key for option in options.values() for key in option.keys() - _KEYS} | {
        key for option in options.values() for key in _unread(option.get("suboptions", {}))
    }


def test_an_action_plugin_does_the_work_of_each_module() -> None:
    assert sorted(file.stem for file in (_PLUGINS / "modules").glob("[a-z]*.py")) == _ACTIONS


@pytest.mark.parametrize("name", _ACTIONS)
def test_an_action_is_documented(name: str) -> None:
    module = importlib.import_module(f"plugins.modules.{name}")
    documentation = yaml.safe_load(module.DOCUMENTATION)
    assert documentation["module"] == name
    assert documentation["short_description"]
    assert not _unread(documentation["options"])
    assert yaml.safe_load(module.EXAMPLES)
    assert yaml.safe_load(module.RETURN)


def test_filters_are_documented() -> None:
    assert sorted(file.stem for file in (_PLUGINS / "filter").glob("*.yml")) == sorted(_FILTERS)


@pytest.mark.parametrize("name", sorted(_FILTERS))
def test_documentation_of_a_filter_is_what_it_takes(name: str) -> None:
    described = yaml.safe_load((_PLUGINS / "filter" / f"{name}.yml").read_text())
    documentation = described["DOCUMENTATION"]
    _, *others = inspect.signature(_FILTERS[name]).parameters.values()
    assert list(documentation["options"]) == ["_input", *(parameter.name for parameter in others)]
    assert documentation.get("positional", "") == ", ".join(parameter.name for parameter in others)
    required = {option for option, about in documentation["options"].items() if about.get("required")}
    assert required == {"_input", *(one.name for one in others if one.default is one.empty)}
    assert documentation["description"]
    assert inspect.getdoc(_FILTERS[name]), f"{name} has no docstring"
    assert described["RETURN"]["_value"]["type"]


def test_plugins_load_without_the_libraries_that_they_use() -> None:
    """A task without its library ends with a sentence that names it, where the import would end with a traceback."""
    files = [file for file in _PLUGINS.rglob("*.py") if file.parent.name != "modules"]
    names = [".".join(file.relative_to(_PLUGINS.parent).with_suffix("").parts) for file in files]
    program = f"""
import importlib, sys
for name in {_LIBRARIES!r}:
    sys.modules[name] = None
for name in {sorted(names)!r}:
    importlib.import_module(f"ansible_collections.slipway.provision.{{name}}")
"""
    environment = os.environ | {"PYTHONPATH": str(_PLUGINS.parent / ".build/collections")}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
