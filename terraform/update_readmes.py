#!/usr/bin/env python3
"""Write the tables of inputs and outputs in every layer's and module's README from its Terraform files.

`terraform/update_readmes.py` writes them; with `--check` it writes nothing and ends with 1 when one is out of date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent
_BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}$', re.MULTILINE | re.DOTALL)
_ATTRIBUTE = r"^  {name} += (.*?)$(?=\n(?:  \w|\n|\Z)|\Z)"
_TABLES_HEADING = "## Inputs"


def tables(directory: Path) -> str:
    """The part of a README that says what goes in and what comes out.

    Args:
        directory: folder of a layer or module.

    Returns:
        Markdown from the heading "Inputs" to the end of the file.
    """
    inputs = ["| name | what it is | type | default |", "|---|---|---|---|"]
    outputs = ["| name | what it is |", "|---|---|"]
    text = (directory / "variables.tf").read_text() + (directory / "outputs.tf").read_text()
    for kind, name, body in _BLOCK.findall(text):
        description = _attribute(body, "description").strip('"').replace("|", "\\|").replace("<", "\\<")
        if kind == "variable":
            default = _attribute(body, "default")
            inputs.append(
                f"| `{name}` | {description} | `{_attribute(body, 'type')}` | "
                f"{f'`{default}`' if default else 'required'} |"
            )
        else:
            outputs.append(f"| `{name}` | {description} |")
    return "\n".join([_TABLES_HEADING, "", *inputs, "", "## Outputs", "", *outputs, ""])


def _attribute(body: str, name: str) -> str:
    """The value of a block's attribute as written, or "" when it has none."""
    found = re.search(_ATTRIBUTE.format(name=name), body, re.MULTILINE | re.DOTALL)
    return " ".join(found.group(1).split()) if found else ""


def main(arguments: list[str]) -> int:
    """Bring every README up to date, or with --check only compare.

    Returns:
        0, or with --check 1 when a README is out of date.
    """
    outdated = []
    for variables in sorted(_ROOT.glob("*/**/variables.tf")):
        readme = variables.parent / "README.md"
        before = readme.read_text()
        after = before.partition(_TABLES_HEADING)[0] + tables(readme.parent)
        if after != before:
            outdated.append(readme)
            if "--check" not in arguments:
                readme.write_text(after)
    for readme in outdated:
        print(f"{'out of date' if '--check' in arguments else 'updated'}: {readme.relative_to(_ROOT)}")
    return 1 if outdated and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
