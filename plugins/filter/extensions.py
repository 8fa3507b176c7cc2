# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Filter about the names of PostgreSQL extensions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

# What extensions are called, of what PostgreSQL takes (check_valid_extension_name: no hyphen at an end, none in a row).
_NAME = re.compile(r"(?=.{1,63}$)[a-z_][a-z0-9_]*(-[a-z0-9_]+)*")


def extension_names_problem(names: Iterable[Any]) -> str:
    """What is wrong with names of PostgreSQL extensions, as a sentence without its subject; empty if nothing is.

    Args:
        names: what should be names.
    """
    wrong = [json.dumps(name, ensure_ascii=False) for name in names if not _NAME.fullmatch(str(name))]
    if not wrong:
        return ""
    return (
        f"holds {', '.join(wrong)}; it must hold names of PostgreSQL extensions, such as pgcrypto and uuid-ossp: at "
        "most 63 lower-case letters, digits and underscores, not a digit first, and single hyphens between them"
    )


class FilterModule:
    """The filter, by the name playbooks use."""

    def filters(self) -> dict[str, Any]:
        return {"extension_names_problem": extension_names_problem}
