"""What all action plugins have in common."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.action import ActionBase

Json = dict[str, Any]


def argument_spec(action: ActionBase) -> Json:
    """What an action takes: the options that its module documents, which Ansible reads as an argument spec."""
    return _options(type(action).__module__.replace(".action.", ".modules."))


@functools.cache
def _options(module: str) -> Json:
    options: Json = yaml_load(importlib.import_module(module).DOCUMENTATION)["options"]
    return options
