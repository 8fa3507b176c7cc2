"""The tables of what is replaced in MiniStack, and what a version of MiniStack would break of them."""

from __future__ import annotations

import ast
import re
import shutil
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway_emulator import cli, overrides
from slipway_emulator.overrides import Addition, IncompatibleError, Override

PACKAGE = Path(overrides.__file__).parent
# What these replacements are given, and none of them uses.
NO_PARTS: Any = None


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a MiniStack of its own."""
    import ministack

    shutil.copytree(ministack.__path__[0], tmp_path / "ministack", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def edit(file: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, file.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1
    file.write_text(text)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], str]:
    """Exit status of the command, the lines that name something broken, and all it says."""
    status = cli.main(["overrides", *arguments])
    output = capsys.readouterr()
    return status, [line for line in output.out.splitlines() if "BROKEN" in line], output.out + output.err


def test_pinned_version_fits(capsys: pytest.CaptureFixture[str]) -> None:
    status, broken, text = said(capsys)
    assert (status, broken) == (0, [])
    for table in overrides.tables().values():
        for row in table:
            assert f"  fits   {row.module}.{row.name}\n         {row.reason}\n" in text


def test_what_a_new_version_breaks_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    services = copy / "ministack" / "services"
    edit(services / "ecs.py", r"^def _make_deployment\((.*)\n", r"def _make_deployment(\1\n    # changed\n")
    edit(services / "rds.py", "^def _rotate_instance_password", "def _rotate_password")
    edit(services / "tagging.py", "^_COLLECTORS = {", '_COLLECTORS = {\n    "acm": None,')
    # Used, but not replaced.
    edit(services / "iam.py", "^def _lookup_instance_profile", "def _find_instance_profile")
    expected = [
        r"  BROKEN services\.ecs\._make_deployment has changed \(its fingerprint is [0-9a-f]{16}\)",
        r"  BROKEN services\.rds\._rotate_instance_password is gone",
        r"  BROKEN services\.tagging\._COLLECTORS has acm itself",
        r"BROKEN services\.iam\._lookup_instance_profile is gone; ec2/instances\.py uses it",
        r"BROKEN services\.iam\._lookup_instance_profile is gone; iam/checks\.py uses it",
    ]
    wheel = copy / "ministack-9-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in (copy / "ministack").rglob("*.py"):
            archive.write(file, file.relative_to(copy))
    for place in (copy, wheel):
        status, broken, _ = said(capsys, "--ministack", str(place))
        assert status == 3
        assert len(broken) == len(expected)
        for line, pattern in zip(broken, expected, strict=True):
            assert re.fullmatch(pattern, line)


def test_comment_elsewhere_breaks_nothing(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ecs = copy / "ministack" / "services" / "ecs.py"
    ecs.write_text(f"# Another line.\n{ecs.read_text()}")
    assert said(capsys, "--ministack", str(copy))[:2] == (0, [])


def test_place_without_a_ministack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, text = said(capsys, "--ministack", str(tmp_path))
    assert status == 1
    assert f"{tmp_path} holds no MiniStack" in text


def test_nothing_is_replaced_outside_the_tables() -> None:
    """No file of the package but the one that applies the tables sets anything on a module of MiniStack."""
    found = []
    for file in PACKAGE.rglob("*.py"):
        tree = ast.parse(file.read_text())
        imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        modules = {
            alias.asname or alias.name
            for node in imported
            if node.module in ("ministack", "ministack.core", "ministack.services")
            for alias in node.names
        }
        for node in ast.walk(tree):
            targets = node.targets if isinstance(node, ast.Assign) else []
            for target in targets:
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) in modules:
                    found.append(ast.unparse(target))
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "setattr":
                found.append(f"setattr in {file.relative_to(PACKAGE)}")
    # Says that there are containers, as MiniStack's own launch does.
    assert sorted(found) == ["ec2._docker_in_use", "setattr in overrides.py"]


class TestApply:
    @pytest.fixture
    def module(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        module: Any = types.ModuleType("ministack.service")

        def handle(request: object, scope: object = None) -> str:
            return f"old {request} {scope}"

        module.handle = handle
        module._ACTION_MAP = {"Handle": handle, "Other": len}
        monkeypatch.setitem(sys.modules, "ministack.service", module)
        return module

    @staticmethod
    def apply(replacement: Callable[..., Any], name: str = "handle", operation: str = "") -> None:
        row = Override("service", name, "", "", lambda _original, _parts: replacement, operation)
        overrides.apply((row,), NO_PARTS)

    def test_puts_the_function_in_place(self, module: Any) -> None:
        def handle(request: object, _scope: object = None) -> str:
            return f"new {request}"

        self.apply(handle, operation="Handle")
        assert (module.handle("x"), module._ACTION_MAP) == ("new x", {"Handle": handle, "Other": len})

    def test_gives_the_replacement_the_original(self, module: Any) -> None:
        def replacement(original: Any, _: object) -> Any:
            return lambda request, scope: f"new {original(request, scope)}"

        overrides.apply((Override("service", "handle", "", "", replacement),), NO_PARTS)
        assert module.handle("x", "y") == "new old x y"

    def test_adds_entries(self, module: Any) -> None:
        row = Addition("service", "_ACTION_MAP", "", lambda _: {"New": max}, ("New",))
        overrides.apply((row,), NO_PARTS)
        assert module._ACTION_MAP["New"] is max

    @pytest.mark.usefixtures("module")
    def test_no_such_function(self) -> None:
        with pytest.raises(IncompatibleError, match=r"service\.gone is not there"):
            self.apply(len, "gone")

    @pytest.mark.usefixtures("module")
    def test_other_parameters(self) -> None:
        with pytest.raises(IncompatibleError, match=r"service\.handle takes \(request, scope\), not \(request\)"):
            self.apply(lambda request: request)

    @pytest.mark.usefixtures("module")
    def test_operation_that_is_not_answered(self) -> None:
        with pytest.raises(IncompatibleError, match="does not answer Other"):
            self.apply(lambda request, scope: (request, scope), operation="Other")
