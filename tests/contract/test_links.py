"""Each link between the project's pages leads to a file that is there, and to a heading that it has."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

PROJECT = Path(__file__).resolve().parents[2]
# Made by tools, or not the project's.
_LEFT_OUT = {".ansible", ".build", ".git", ".venv", "output"}
PAGES = sorted(file for file in PROJECT.rglob("*.md") if not _LEFT_OUT & set(file.relative_to(PROJECT).parts))


@functools.cache
def tokens(page: Path) -> list[Token]:
    """What a page consists of."""
    return MarkdownIt("commonmark").enable("table").parse(page.read_text())


def _links(page: Path) -> Iterator[str]:
    for token in tokens(page):
        for child in token.children or []:
            target = child.attrGet("href") or child.attrGet("src")
            if target:
                yield str(target)


@functools.cache
def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them: lower case, without punctuation, hyphens for spaces."""
    found = set()
    for opening, heading in itertools.pairwise(tokens(page)):
        if opening.type == "heading_open":
            text = "".join(child.content for child in heading.children or [])
            found.add(re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page: Path) -> None:
    wrong = []
    for link in _links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            wrong.append(link)
    assert wrong == []


def test_pages_and_links_are_found() -> None:
    assert PROJECT / "README.md" in PAGES
    assert "docs/architecture.md#how-a-value-travels" in set(_links(PROJECT / "README.md"))
    assert "how-a-value-travels" in _anchors(PROJECT / "docs/architecture.md")
