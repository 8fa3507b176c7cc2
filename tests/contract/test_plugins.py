"""The documentation of each plugin tells the arguments that it takes."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml

_PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
_MODULES = sorted(file.stem for file in (_PLUGINS / "modules").glob("[a-z]*.py"))
_ACTIONS = sorted(file.stem for file in (_PLUGINS / "action").glob("[a-z]*.py"))
_KEYS = {"choices", "default", "description", "elements", "options", "required", "type"}
_FILTERS = sorted(file.stem for file in (_PLUGINS / "filter").glob("[a-z]*.py"))

Json = dict[str, Any]


class _AskedError(Exception):
    """Carries the argument specification that a module hands to Ansible."""


def _ask(argument_spec: Json, **_: object) -> None:
    raise _AskedError(argument_spec)


def _documentation(name: str) -> Json:
    documentation = importlib.import_module(f"plugins.modules.{name}").DOCUMENTATION
    loaded: Json = yaml.safe_load(documentation)
    return loaded


def _comparable(options: Json | None) -> Json:
    """Arguments without what has no twin: descriptions on one side, no_log on the other."""
    return {
        name: {
            "type": option.get("type", "str"),
            "elements": option.get("elements"),
            "required": option.get("required", False),
            "default": option.get("default"),
            "choices": option.get("choices"),
            "options": _comparable(option.get("suboptions") or option.get("options")),
        }
        for name, option in (options or {}).items()
    }


def _unread(options: Json) -> set[str]:
    """Keys of options that an action does not read as its argument spec."""
    return {key for option in options.values() for key in option.keys() - _KEYS} | {
        key for option in options.values() for key in _unread(option.get("options", {}))
    }


@pytest.mark.parametrize("name", _MODULES)
def test_a_module_is_documented(name: str) -> None:
    module = importlib.import_module(f"plugins.modules.{name}")
    documentation = _documentation(name)
    assert documentation["module"] == name
    assert documentation["short_description"]
    assert yaml.safe_load(module.EXAMPLES)
    assert yaml.safe_load(module.RETURN)


@pytest.mark.parametrize("name", sorted({*_MODULES} - {*_ACTIONS}))
def test_a_module_without_an_action_takes_what_it_documents(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"plugins.modules.{name}")
    monkeypatch.setattr(module, "AnsibleModule", _ask)
    with pytest.raises(_AskedError) as asked:
        module.main()
    assert _comparable(asked.value.args[0]) == _comparable(_documentation(name)["options"])


@pytest.mark.parametrize("name", _ACTIONS)
def test_what_an_action_takes_is_written_as_ansible_reads_it(name: str) -> None:
    assert not _unread(_documentation(name)["options"])


@pytest.mark.parametrize("name", _FILTERS)
def test_a_filter_is_documented(name: str) -> None:
    module = importlib.import_module(f"plugins.filter.{name}")
    for filter_name, function in module.FilterModule().filters().items():
        assert inspect.getdoc(function), f"{filter_name} has no docstring"
