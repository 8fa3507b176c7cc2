"""The documentation site (`make site`): the project's pages, and what ansible-doc says of the collection."""

from __future__ import annotations

import os
import re
from pathlib import Path

import yaml
from sphinx.application import Sphinx

_ROOT = Path(__file__).resolve().parents[1]
_GALAXY = yaml.safe_load((_ROOT / "galaxy.yml").read_text())
_LINK = re.compile(r"(?<!!)(\[[^\]]*\]\()([^)#:\s]+)(#[^)\s]*)?\)")

project = "Slipway"
author = "Slipway contributors"
release = version = str(_GALAXY["version"])
extensions = ["myst_parser", "sphinx_antsibull_ext"]
root_doc = "docs/index"
include_patterns = ["**/*.md", "*.md", "docs/**/*.rst", "docs/index.rst", "CHANGELOG.rst"]
exclude_patterns = [".*", "**/.*", "tests/output", "playbooks/files"]
html_theme = "furo"
html_title = f"Slipway {release}"
# What ansible-doc says refers to pages of Ansible's own site; examples have expressions that no lexer knows. Links of
# the project's pages are checked all the same: those are myst.xref_missing.
suppress_warnings = ["ref.ref", "misc.highlighting_failure"]
# The anchors of headings that GitHub makes.
myst_heading_anchors = 4


def _to_repository(_: Sphinx, page: str, source: list[str]) -> None:
    """Let links to what is no page lead to the repository, and those to a folder to its page if it has one."""

    def replaced(link: re.Match[str]) -> str:
        before, path, anchor = link.groups()
        target = (_ROOT / page).parent / path
        if (target / "README.md").is_file():
            return f"{before}{path.rstrip('/')}/README.md{anchor or ''})"
        if target.suffix == ".md" or not target.exists():
            return link[0]
        return f"{before}{_GALAXY['repository']}/blob/main/{os.path.relpath(target.resolve(), _ROOT)}{anchor or ''})"

    source[0] = _LINK.sub(replaced, source[0])


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _to_repository)
