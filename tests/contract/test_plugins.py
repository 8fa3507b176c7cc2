"""Each plugin is documented; the documentation of an action is what it takes."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml

_PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
_ACTIONS = sorted(file.stem for file in (_PLUGINS / "action").glob("[a-z]*.py"))
_KEYS = {"choices", "default", "description", "elements", "options", "required", "type"}
_FILTERS = sorted(file.stem for file in (_PLUGINS / "filter").glob("[a-z]*.py"))

Json = dict[str, Any]


def _unread(options: Json) -> set[str]:
    """Keys of options that Ansible does not read as an argument spec."""
    return {key for option in options.values() for key in option.keys() - _KEYS} | {
        key for option in options.values() for key in _unread(option.get("options", {}))
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


@pytest.mark.parametrize("name", _FILTERS)
def test_a_filter_is_documented(name: str) -> None:
    module = importlib.import_module(f"plugins.filter.{name}")
    for filter_name, function in module.FilterModule().filters().items():
        assert inspect.getdoc(function), f"{filter_name} has no docstring"
