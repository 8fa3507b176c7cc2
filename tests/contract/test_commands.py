"""Each command of the project's pages names what there is: targets, playbooks, inventories, files, modules, verbs.

Commands of docs/how-to/use-the-collection.md are run, by tests/e2e/test_consumer.py.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.test_links import PAGES, PROJECT, tokens

_PROGRAMS = ("ansible-playbook", "make", "pytest", "python", "python3", "slipway-emulator")
_TARGETS = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
# Written into examples: guests is the reader's own application, qa an environment that a page makes.
_READERS_OWN = ("guests", "inventories/qa", "<environment>")
_FILE = re.compile(r"(?:[\w.-]+/)*[\w.-]+\.(?:py|yml|sh)")


def _commands(page: Path) -> Iterator[list[str]]:
    for token in tokens(page):
        blocks = [token] if token.type in ("code_block", "fence") else []
        inline = [child for child in token.children or [] if child.type == "code_inline"]
        for text in (one.content for one in (*blocks, *inline)):
            for line in re.sub(r"\\\n", " ", text).splitlines():
                yield from _of_line(line.strip())


def _of_line(line: str) -> Iterator[list[str]]:
    """Commands of a line that begins with a program, an environment or a variable of it."""
    line = line.removeprefix(". .build/env && ")
    first = re.sub(r"^(?:\w+=\S+ )*", "", line)
    if first.split(" ", 1)[0] in _PROGRAMS:
        try:
            yield shlex.split(first)
        except ValueError:
            # A piece of another text.
            return


PAGES_WITH_COMMANDS = {str(page.relative_to(PROJECT)): list(_commands(page)) for page in PAGES}


@pytest.fixture(scope="module")
def verbs() -> set[str]:
    """The verbs of slipway-emulator."""
    said = subprocess.run(
        [sys.executable, "-m", "slipway_emulator", "--help"], capture_output=True, text=True, check=True
    ).stdout
    (listed,) = re.findall(r"\{([\w,-]+)\}", said)[:1]
    return set(listed.split(","))


@pytest.mark.parametrize("page", [name for name, commands in PAGES_WITH_COMMANDS.items() if commands])
def test_commands_name_what_there_is(page: str, verbs: set[str]) -> None:
    # The application and the emulator have READMEs with commands of their own.
    roots = (PROJECT, (PROJECT / page).parent)
    for program, *arguments in PAGES_WITH_COMMANDS[page]:
        command = shlex.join([program, *arguments])
        if any(own in command for own in _READERS_OWN):
            continue
        if program == "make":
            assert {word for word in arguments if re.fullmatch(r"[a-z][a-z-]*", word)} <= _TARGETS, command
        if program == "slipway-emulator" and arguments:
            assert arguments[0] in verbs or arguments[0].startswith("-"), command
        if program.startswith("python") and arguments[:1] == ["-m"] and "." in arguments[1]:
            file = Path(*arguments[1].split(".")).with_suffix(".py")
            assert (PROJECT / file).exists() or (PROJECT / "app" / file).exists(), command
        for playbook in re.findall(r"slipway\.provision\.(\w+)", command if program == "ansible-playbook" else ""):
            assert (PROJECT / f"playbooks/{playbook}.yml").is_file(), command
        for word in arguments:
            for name in (*_FILE.findall(word), *re.findall(r"inventories/[\w-]+", word)):
                assert any((root / name).exists() for root in roots), f"{name}: {command}"


def test_pages_have_commands() -> None:
    found = [command for commands in PAGES_WITH_COMMANDS.values() for command in commands]
    assert {command[0] for command in found} == set(_PROGRAMS)
