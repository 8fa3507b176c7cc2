# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What the rules in `variables.tf` of root modules say about inputs.

Terraform evaluates them: a configuration is written that calls copies of the `variables.tf` alone, once for each
host and layer, and is planned. It has no provider and no state.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class Unknown:
    """A value that only a run knows, such as an output of an earlier layer. Terraform checks no rule on it."""


UNKNOWN = Unknown()
# Of no type, and not known before an apply.
_UNKNOWN_EXPRESSION = "${jsondecode(timestamp())}"
# Calls in a plan. One of 200 takes more than 10 times as long as one of 20, which takes 10 times as long as one of 1.
_AT_ONCE = 20


@dataclass(frozen=True)
class Call:
    """One root module with inputs.

    Attributes:
        root: folder of the root module.
        inputs: all its inputs, by variable.
    """

    root: Path
    inputs: Json

    @property
    def digest(self) -> str:
        """What tells this call from others."""
        inputs = json.dumps(_expression(self.inputs), sort_keys=True)
        return hashlib.sha256((self.root / "variables.tf").read_bytes() + inputs.encode()).hexdigest()


@dataclass(frozen=True)
class Finding:
    """What Terraform has against an input.

    Attributes:
        call: number of the call.
        variable: name of the variable.
        message: the rule's own words, or what type a value must be.
        is_type: whether the value has the wrong type.
    """

    call: int
    variable: str
    message: str
    is_type: bool


class TerraformError(Exception):
    """Terraform could not evaluate the rules."""


def broken_rules(calls: Sequence[Call], kept: Path | None = None) -> list[Finding]:
    """What Terraform has against the inputs of root modules; empty when it would take them all.

    Args:
        calls: root modules with their inputs.
        kept: file that keeps which calls were right, so that Terraform is asked about others only. It holds digests,
            no values.

    Raises:
        TerraformError: Terraform could not evaluate the rules.
    """
    right = _read_kept(kept)
    digests = [call.digest for call in calls]
    asked = {number: call for number, call in enumerate(calls) if digests[number] not in right}
    numbers = list(asked)
    parts = [numbers[start : start + _AT_ONCE] for start in range(0, len(numbers), _AT_ONCE)]
    found = [finding for part in parts for finding in _ask({number: asked[number] for number in part})]
    wrong = {finding.call for finding in found}
    if kept:
        # Without it, the next run asks again.
        with contextlib.suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps([digest for number, digest in enumerate(digests) if number not in wrong]))
    return sorted(found, key=lambda finding: finding.call)


def _read_kept(kept: Path | None) -> set[str]:
    with contextlib.suppress(OSError, ValueError):
        return set(json.loads(kept.read_text())) if kept else set()
    return set()


def _ask(calls: dict[int, Call]) -> list[Finding]:
    found: list[Finding] = []
    # Only its owner may read it: inputs are in it.
    with tempfile.TemporaryDirectory(prefix="slipway-rules-") as name:
        folder = Path(name)
        modules = _copy_roots(folder, calls)
        while True:
            arguments = _write(folder / "main.tf.json", calls, modules)
            if not found:
                _terraform(folder, "init", "-backend=false")
            # What is unknown already has been found.
            new = [
                finding
                for finding in _diagnostics(folder, arguments)
                if not isinstance(calls[finding.call].inputs[finding.variable], Unknown)
            ]
            found += new
            # Terraform stops at wrong types, and at rules on one variable alone, before it evaluates rules across
            # variables. So it is asked again without what it has found.
            if not new:
                return found
            for finding in new:
                call = calls[finding.call]
                calls = calls | {finding.call: Call(call.root, call.inputs | {finding.variable: UNKNOWN})}


def _copy_roots(folder: Path, calls: dict[int, Call]) -> dict[Path, str]:
    modules = {root: f"./roots/{number}" for number, root in enumerate({call.root for call in calls.values()})}
    for root, source in modules.items():
        (folder / source).mkdir(parents=True)
        (folder / source / "variables.tf").write_bytes((root / "variables.tf").read_bytes())
    return modules


def _write(file: Path, calls: dict[int, Call], modules: dict[Path, str]) -> dict[int, tuple[int, str]]:
    """Write the configuration, each argument on a line of its own.

    Returns:
        Number of the call and name of the variable, by line.
    """
    lines = ['{"module": {']
    arguments = {}
    for position, (number, call) in enumerate(calls.items()):
        lines.append(f'{"," if position else ""}"call_{number}": {{"source": "{modules[call.root]}"')
        for variable, value in call.inputs.items():
            lines.append(f', "{variable}": {json.dumps(_expression(value))}')
            arguments[len(lines)] = (number, variable)
        lines.append("}")
    file.write_text("\n".join([*lines, "}}"]))
    return arguments


def _expression(value: Any) -> Any:
    """A value as Terraform's JSON syntax has it, where a string is a template."""
    if isinstance(value, Unknown):
        return _UNKNOWN_EXPRESSION
    if isinstance(value, dict):
        return {_expression(key): _expression(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_expression(member) for member in value]
    return value.replace("${", "$${").replace("%{", "%%{") if isinstance(value, str) else value


def _diagnostics(folder: Path, arguments: dict[int, tuple[int, str]]) -> Iterator[Finding]:
    lines = _terraform(folder, "plan", "-json", "-lock=false", "-refresh=false").splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    for event in events:
        diagnostic = event.get("diagnostic")
        if event.get("type") != "diagnostic" or diagnostic["severity"] != "error":
            continue
        if diagnostic["summary"] == "Invalid error message":
            # It names a value that is unknown, in all likelihood because another rule refused it.
            continue
        place = diagnostic.get("range", {})
        argument = arguments.get(place.get("start", {}).get("line"))
        if place.get("filename") != "main.tf.json" or argument is None:
            raise TerraformError(f"{diagnostic['summary']}: {diagnostic['detail']}")
        rule, _, _ = diagnostic["detail"].partition("\n\nThis was checked by the validation rule")
        is_type = re.search(r"declared at \S+: (.*)\Z", rule, re.DOTALL)
        yield Finding(*argument, message=(is_type[1] if is_type else rule).rstrip("."), is_type=bool(is_type))


def _terraform(folder: Path, *arguments: str) -> str:
    # What a shell has set for Terraform is not meant for this. GOGC saves a fifth of the time.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = subprocess.run(
        ["terraform", *arguments, "-input=false", "-no-color"],
        cwd=folder,
        env=environment | {"CHECKPOINT_DISABLE": "1", "GOGC": "400"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and '"type":"diagnostic"' not in done.stdout:
        raise TerraformError((done.stderr or done.stdout).strip())
    return done.stdout
