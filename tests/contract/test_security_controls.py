"""docs/topics/security-controls.md names inputs and files that exist, and checkov skips nothing without a reason."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from plugins.plugin_utils.inventory import LAYERS
from plugins.plugin_utils.terraform_files import declared_variables

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs/topics/security-controls.md"
CONTROL = re.compile(r"[A-Z][A-Za-z0-9]+\.\d+")
ROW = re.compile(r"^\| (?P<controls>[A-Z][\w., ]*\.\d+) \| [^|]+ \| (?P<met>[^|]+) \| (?P<why>[^|]+) \|$", re.MULTILINE)
INPUT = re.compile(rf"`((?:{'|'.join(LAYERS)})_\w+)`")


def _inputs() -> set[str]:
    roots = [file.parent for file in PROJECT.glob("terraform/layers/aws/*/variables.tf")]
    return {f"{root.name.partition('_')[0]}_{name}" for root in roots for name in declared_variables(root)}


def _prod() -> set[str]:
    files = (PROJECT / "inventories/prod").glob("*_vars/**/*.yml")
    return {name for file in files for name in yaml.safe_load(file.read_text())}


def test_each_control_is_told_once() -> None:
    told = [control for row in ROW.finditer(PAGE.read_text()) for control in CONTROL.findall(row["controls"])]
    assert len(told) > 80
    assert len(told) == len(set(told))
    assert PAGE.read_text().count("\n| ") - len(ROW.findall(PAGE.read_text())) == 7, "a row that is not read as one"


def test_inputs_and_files_exist() -> None:
    text = PAGE.read_text()
    assert set(INPUT.findall(text)) - _inputs() == set()
    files = set(re.findall(r"`(terraform/[\w./]+)`", text))
    assert len(files) > 10
    assert [file for file in files if not (PROJECT / file).exists()] == []


def test_what_prod_meets_is_set_in_prod() -> None:
    rows = [row for row in ROW.finditer(PAGE.read_text()) if row["met"] == "prod"]
    assert len(rows) >= 10
    for row in rows:
        named = INPUT.findall(row["why"])
        assert named, row["controls"]
        assert set(named) <= _prod(), row["controls"]


def test_every_skip_has_a_reason() -> None:
    skips = [
        line.strip()
        for file in [*PROJECT.glob("terraform/**/*.tf"), PROJECT / "Dockerfile", *PROJECT.glob("images/*/Dockerfile")]
        for line in file.read_text().splitlines()
        if "checkov:skip" in line
    ]
    assert skips
    assert [line for line in skips if not re.fullmatch(r"#checkov:skip=CKV2?_\w+_\d+:.{15,}", line)] == []
    lines = (PROJECT / ".checkov.yaml").read_text().partition("skip-check:\n")[2].splitlines()
    assert lines[0].startswith("  # "), "a reason comes first"
    assert all(re.fullmatch(r"  (# .+|- CKV2?_\w+_\d+)", line) for line in lines)


def test_every_role_of_a_deployment_carries_the_boundary() -> None:
    roles = [
        (file, block)
        for file in (PROJECT / "terraform").rglob("*.tf")
        if file.parent.name != "bootstrap"
        for block in re.findall(r'^resource "aws_iam_role" .*?^}', file.read_text(), re.MULTILINE | re.DOTALL)
    ]
    without = [str(file) for file, block in roles if not re.search(r"permissions_boundary += var\.", block)]
    assert roles
    assert without == []
