# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Filter that turns settings into environment variables."""

from __future__ import annotations

import datetime
import json
from typing import Any


def environment_strings(settings: dict[str, Any]) -> dict[str, str]:
    """Environment variables of settings: what is null is left out, true and false as JSON writes them.

    Args:
        settings: names to values; lists and dictionaries become JSON.
    """
    return {
        # YAML has dates.
        name: str(value) if isinstance(value, str | datetime.date) else json.dumps(value, default=str)
        for name, value in settings.items()
        if value is not None
    }


class FilterModule:
    """The filter, by the name playbooks use."""

    def filters(self) -> dict[str, Any]:
        return {"environment_strings": environment_strings}
