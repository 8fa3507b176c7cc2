"""What of MiniStack is replaced and added to: its tables, their application, and a look at other versions.

MiniStack has no extension points, so what it lacks or does otherwise than AWS is put in place of its own functions.
Each service has one table of that, in the file `overrides.py` of its folder. Another version may name or call the
functions differently, or do in them what is done here: `slipway-emulator overrides` says so beforehand.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

# The version pyproject.toml pins; a test compares the two.
MINISTACK_VERSION = "1.5.33"
# The folders with a table.
SERVICES = sorted(file.parent.name for file in Path(__file__).parent.glob("*/overrides.py"))

Function = Callable[..., Any]


class IncompatibleError(Exception):
    """The installed MiniStack is not the one this package was written for."""


@dataclass(frozen=True)
class Override:
    """A function of MiniStack, and what is put in its place.

    Attributes:
        module: the module that looks it up, below `ministack`.
        name: its name there.
        source: fingerprint of the source it was written for: the first 16 digits of its SHA-256.
        reason: what MiniStack's own does otherwise than AWS.
        replacement: makes the function to put there from MiniStack's own and the emulator's parts. It takes the same
            parameters; one it does not use may start with an underscore more.
        operation: the operation of the API it answers, where the module's table of operations holds it, too.
    """

    module: str
    name: str
    source: str
    reason: str
    replacement: Callable[[Function, Parts], Function]
    operation: str = ""


@dataclass(frozen=True)
class Addition:
    """Entries that a table of MiniStack gets.

    Attributes:
        module: the module of the table, below `ministack`.
        name: the table's name there.
        reason: what MiniStack lacks.
        entries: makes them from the emulator's parts.
        keys: their keys, which the table must not have already.
    """

    module: str
    name: str
    reason: str
    entries: Callable[[Parts], dict[str, Any]]
    keys: tuple[str, ...]


Table = tuple[Override | Addition, ...]


def check_version() -> None:
    """Compare the installed MiniStack with the pinned one.

    Raises:
        IncompatibleError: they differ; says how to get the right one.
    """
    installed = version("ministack")
    if installed != MINISTACK_VERSION:
        raise IncompatibleError(
            f"MiniStack {installed} is installed, {MINISTACK_VERSION} is needed. "
            f"Install it: pip install ministack=={MINISTACK_VERSION}"
        )


def tables() -> dict[str, Table]:
    """The table of each service."""
    return {service: importlib.import_module(f"slipway_emulator.{service}.overrides").TABLE for service in SERVICES}


def apply(table: Table, parts: Parts) -> None:
    """Put a table's replacements and additions in place.

    Raises:
        IncompatibleError: one does not fit the MiniStack that is loaded.
    """
    for row in table:
        module = importlib.import_module(f"ministack.{row.module}")
        if isinstance(row, Override):
            _replace(row, module, parts)
        else:
            _add(row, module, parts)


def _replace(row: Override, module: Any, parts: Parts) -> None:
    original = getattr(module, row.name, None)
    where = f"{module.__name__}.{row.name}"
    if original is None:
        raise IncompatibleError(f"{where} is not there. This package was written for MiniStack {MINISTACK_VERSION}")
    replacement = row.replacement(original, parts)
    expected, found = _parameters(replacement), _parameters(original)
    if expected != found:
        raise IncompatibleError(
            f"{where} takes ({', '.join(found)}), not ({', '.join(expected)}). "
            f"This package was written for MiniStack {MINISTACK_VERSION}"
        )
    if row.operation:
        tables = ("_ACTION_MAP", "_IAM_HANDLERS", "_DISPATCH")
        operations = next(getattr(module, name) for name in tables if hasattr(module, name))
        if operations.get(row.operation) is not original:
            raise IncompatibleError(f"{where} does not answer {row.operation}")
        operations[row.operation] = replacement
    setattr(module, row.name, replacement)


def _parameters(function: Function) -> list[str]:
    return [name.lstrip("_") for name in inspect.signature(function).parameters]


def _add(row: Addition, module: Any, parts: Parts) -> None:
    table, entries = getattr(module, row.name), row.entries(parts)
    if isinstance(table, set):
        table |= set(entries)
    else:
        table.update(entries)


# -- other versions --


class Sources:
    """The source files of a MiniStack, which need not be installed and are not run.

    Args:
        place: a wheel, or the folder that holds the folder `ministack`.
    """

    def __init__(self, place: Path) -> None:
        self._wheel = zipfile.ZipFile(place) if place.is_file() else None
        self._folder = place
        self._modules: dict[str, ast.Module | None] = {}
        self._texts: dict[str, str] = {}
        self._names: dict[str, set[str]] = {}
        if self.module("app") is None:
            raise IncompatibleError(
                f"{place} holds no MiniStack: name its wheel, or the folder that it is installed in"
            )

    def module(self, name: str) -> ast.Module | None:
        """A module below `ministack`, parsed; None where there is none."""
        if name not in self._modules:
            text = self._read(f"ministack/{name.replace('.', '/')}.py")
            self._modules[name] = None if text is None else ast.parse(text)
            self._texts[name] = text or ""
        return self._modules[name]

    def function(self, module: str, name: str) -> str | None:
        """The source of a function of a module; None where there is none."""
        tree = self.module(module)
        for node in tree.body if tree else []:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
                return ast.get_source_segment(self._texts[module], node)
        return None

    def names(self, module: str) -> set[str]:
        """The names that a module has."""
        if module not in self._names:
            tree = self.module(module)
            self._names[module] = set(_names(tree.body)) if tree else set()
        return self._names[module]

    def table(self, module: str, name: str) -> set[str]:
        """The keys that a table of a module begins with."""
        tree = self.module(module)
        for node in tree.body if tree else []:
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                keys = value.keys if isinstance(value, ast.Dict) else getattr(value, "elts", [])
                return {str(key.value) for key in keys if isinstance(key, ast.Constant)}
        return set()

    def _read(self, name: str) -> str | None:
        try:
            if self._wheel:
                return self._wheel.read(name).decode()
            return (self._folder / name).read_text()
        except (KeyError, FileNotFoundError):
            return None


def _names(statements: list[ast.stmt]) -> Iterator[str]:
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in statement.names)
        elif isinstance(statement, ast.If | ast.Try | ast.With | ast.For):
            inner = [getattr(statement, part, []) for part in ("body", "orelse", "finalbody")]
            handlers = [handler.body for handler in getattr(statement, "handlers", [])]
            yield from _names([one for part in (*inner, *handlers) for one in part])
        else:
            yield from (
                node.id
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            )


def installed_sources() -> Sources:
    """The source files of the MiniStack that is installed."""
    import ministack

    return Sources(Path(ministack.__path__[0]).parent)


def fingerprint(source: str) -> str:
    """What stands in a table for the source of a function."""
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def problem(row: Override | Addition, sources: Sources) -> str:
    """What would break, or may no longer be needed, with a version of MiniStack; empty when nothing."""
    if isinstance(row, Addition):
        if row.name not in sources.names(row.module):
            return "is gone"
        taken = sorted(set(row.keys) & sources.table(row.module, row.name))
        return f"has {', '.join(taken)} itself" if taken else ""
    source = sources.function(row.module, row.name)
    if source is None:
        return "is gone"
    found = fingerprint(source)
    return "" if found == row.source else f"has changed (its fingerprint is {found})"


def missing_names(sources: Sources) -> Iterator[tuple[str, str, Path]]:
    """What this package uses of MiniStack and a version of it lacks: module, name, and the file that uses it."""
    package = Path(__file__).parent
    for file in sorted(package.rglob("*.py")):
        for module, name in sorted(_used_names(ast.parse(file.read_text()))):
            if name not in sources.names(module):
                yield module, name, file.relative_to(package)


def _used_names(tree: ast.Module) -> set[tuple[str, str]]:
    """The names of MiniStack's modules that a file uses, with their modules."""
    used: set[tuple[str, str]] = set()
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "ministack":
            below = (node.module or "").removeprefix("ministack").lstrip(".")
            for alias in node.names:
                if below in ("", "core", "services"):
                    modules[alias.asname or alias.name] = f"{below}.{alias.name}".lstrip(".")
                else:
                    used.add((below, alias.name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            used.add((modules[node.value.id], node.attr))
    return used
