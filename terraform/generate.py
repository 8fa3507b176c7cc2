#!/usr/bin/env python3
"""Write what follows from `variables.tf` and `outputs.tf`: specifications of roles, and tables in READMEs; from the
specifications of the other roles the tables in theirs, and from all of them the metadata of roles; from `platform.yml`
the comparison of the platforms; from the inventories of staging and prod what they cost.

`python -m terraform.generate` writes it; with `--check` it writes nothing and ends with 1 when a file is out of date.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.slipway.provision.plugins.plugin_utils.costs import as_table, monthly_costs

from plugins.plugin_utils.inventory import LAYERS
from plugins.plugin_utils.platforms import platform_roots, read_platforms, roots_of_layer
from plugins.plugin_utils.terraform_files import COMMON, Variable, declared_outputs, declared_variables

Json = dict[str, Any]

_PROJECT = Path(__file__).resolve().parents[1]
_TYPES: dict[str, Json] = {
    "bool": {"type": "bool"},
    "list(string)": {"type": "list", "elements": "str"},
    "map(string)": {"type": "dict"},
    "string": {"type": "str"},
}
_BEGIN, _END = "<!-- Written by make generate. -->", "<!-- Until here. -->"


class _Indented(yaml.SafeDumper):
    """YAML with the items of lists indented, as yamllint wants them."""

    def increase_indent(self, flow: bool = False, *_: bool, **__: bool) -> None:
        """Indent by one more level, where PyYAML asks for none (`indentless`) too."""
        super().increase_indent(flow)


def generated(project: Path) -> Iterator[tuple[Path, str]]:
    """Every file that follows from others, with what it has to hold.

    Args:
        project: folder of the project.
    """
    for variables in sorted((project / "terraform").glob("*/**/variables.tf")):
        if ".terraform" not in variables.parts:
            yield _replaced(variables.with_name("README.md"), _module_tables(variables.parent))
    file = project / "roles/terraform_layer/meta/argument_specs.yml"
    before, name, after = file.read_text().partition("terraform_layer_name:\n")
    yield file, before + name + re.sub(r"choices: .*", f"choices: [{', '.join(LAYERS)}]", after, count=1)
    for layer in LAYERS:
        role = project / "roles" / layer
        specification = _specification(project, layer)
        sources = "variables.tf of the layer and own_options.yml"
        yield role / "meta/argument_specs.yml", _yaml_text({"argument_specs": specification}, sources)
        yield _role_metadata(role, specification["main"])
        yield _replaced(role / "README.md", _role_tables(specification, {}))
    for file in sorted((project / "roles").glob("*/meta/argument_specs.yml")):
        role = file.parents[1]
        if role.name not in LAYERS:
            defaults = yaml.safe_load((role / "defaults/main.yml").read_text()) or {}
            main = yaml.safe_load(file.read_text())["argument_specs"]["main"]
            yield _role_metadata(role, main)
            yield _replaced(role / "README.md", _role_tables({"main": main}, defaults))
    yield _replaced(project / "docs/platforms/README.md", _platform_table(project))
    if (costs := project / "docs/topics/costs.md").exists():
        yield _replaced(costs, "\n\n".join(_costs(project, environment) for environment in ("staging", "prod")))


def hostvars_of(inventory: Path) -> HostVars:
    """Variables of all hosts of an inventory, by host, as a playbook has them.

    Args:
        inventory: its folder.
    """
    loader = DataLoader()
    hosts = InventoryManager(loader=loader, sources=[str(inventory)])
    return HostVars(hosts, VariableManager(loader=loader, inventory=hosts), loader)


def _costs(project: Path, environment: str) -> str:
    """What an environment costs, under a heading."""
    costs = monthly_costs(hostvars_of(project / "inventories" / environment), project)
    return f"### {environment}: {sum(cost.total for cost in costs):.0f} US dollars a month\n\n{as_table(costs)}"


def _module_tables(module: Path) -> str:
    inputs = [
        f"| `{name}` | {_cell(variable.description)} | `{variable.type}` | {_default(variable)} |"
        for name, variable in declared_variables(module).items()
    ]
    outputs = [f"| `{name}` | {_cell(text)} |" for name, text in declared_outputs(module).items()]
    header = ["## Inputs", "", "| name | what it is | type | default |", "|---|---|---|---|"]
    return "\n".join([*header, *inputs, "", "## Outputs", "", "| name | what it is |", "|---|---|", *outputs])


def _default(variable: Variable) -> str:
    return "required" if variable.required else f"`{json.dumps(variable.default)}`"


def _specification(project: Path, layer: str) -> Json:
    """The specification of a layer's role: its own options, and an option for each input of the layer."""
    file = project / f"roles/{layer}/meta/own_options.yml"
    own: Json = yaml.safe_load(file.read_text()) if file.exists() else {"short_description": f"Apply the layer {layer}"}
    layers = project / "terraform/layers"
    if layer == "service":
        roots = platform_roots(layers)
        shared = {name: option for name, option in own["options"].items() if name != "service_platform"}
        return {"main": own} | {
            platform: {
                "short_description": f"Run an app's image on the platform {platform}",
                "description": [f"What the entry point C(main) takes where C(service_platform) is C({platform})."],
                "options": shared | _options(layer, root),
            }
            for platform, root in roots.items()
        }
    roots = {root.parent.name: root for root in roots_of_layer(layers, layer)}
    options: Json = {}
    for cloud, root in roots.items():
        for name, option in _options(layer, root).items():
            if len(roots) > 1:
                option["description"] = f"On C({cloud}): {option['description']}"
            known = options.setdefault(name, option | {"description": []})
            known["description"].append(option["description"])
    return {"main": own | {"options": own.get("options", {}) | dict(sorted(options.items()))}}


def _options(layer: str, root: Path) -> Json:
    options: Json = {}
    for name, variable in declared_variables(root).items():
        if name in COMMON or name.partition("_")[0] in LAYERS:
            continue
        number = {"type": "int" if variable.is_whole else "float"}
        # What a dictionary of dictionaries holds, no specification says: the layer does, and validation.
        kind = "map(string)" if variable.attributes else variable.type
        option: Json = {"description": variable.description} | (_TYPES | {"number": number})[kind]
        if variable.required:
            option["required"] = True
        elif variable.default is not None:
            option["default"] = variable.default
        options[f"{layer}_{name}"] = option
    return options


def _yaml_text(document: Json, sources: str) -> str:
    """A document, with what it is written from above it."""
    text = yaml.dump(document, Dumper=_Indented, sort_keys=False, width=110, allow_unicode=True)
    return f"---\n# Written by make generate, from {sources}.\n{text}"


def _role_metadata(role: Path, main: Json) -> tuple[Path, str]:
    """What Galaxy shows of a role; author and licence are the collection's."""
    document = {"galaxy_info": {"standalone": False, "description": main["short_description"]}, "dependencies": []}
    return role / "meta/main.yml", _yaml_text(document, "argument_specs.yml")


def _platform_table(project: Path) -> str:
    """The platforms side by side, a row for each key of `comparison` in their files."""
    platforms = read_platforms(project / "terraform/layers")
    compared = {key: None for platform in platforms.values() for key in platform.comparison}
    names = [f"[`{name}`]({name.replace('_', '-')}.md)" for name in platforms]
    rows = [[key, *(platform.comparison.get(key, "") for platform in platforms.values())] for key in compared]
    lines = [["", *names], ["---"] * (len(names) + 1), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines).replace("|  |", "| |")


def _role_tables(specification: Json, defaults: Json) -> str:
    """Tables of the entry points' options; `defaults` are those of defaults/main.yml, where the options have none."""
    parts = []
    for entry_point, part in specification.items():
        heading = [] if entry_point == "main" else [f"On the platform `{entry_point}`:", ""]
        rows = [
            f"| `{name}` | {_option_default(option, defaults.get(name))} | {_cell(_text(option['description']))} |"
            for name, option in part["options"].items()
        ]
        parts.append("\n".join([*heading, "| variable | default | what it is |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


def _option_default(option: Json, computed: Any) -> str:
    if option.get("required"):
        return "required"
    if "default" in option or computed is None:
        return f"`{json.dumps(option.get('default'))}`"
    # What a reader takes in at a glance is shown.
    return f"`{computed}`" if isinstance(computed, str) and "|" not in computed else "[computed](defaults/main.yml)"


def _text(description: str | list[str]) -> str:
    return description if isinstance(description, str) else " ".join(description)


def _cell(text: str) -> str:
    """A text as a cell of a table, where Ansible's C() is code."""
    parts = re.split(r"(`[^`]*`)", re.sub(r"C\(([^)]*)\)", r"`\1`", text))
    return "".join(part if part.startswith("`") else part.replace("<", "\\<") for part in parts).replace("|", "\\|")


def _replaced(readme: Path, part: str) -> tuple[Path, str]:
    """A README, and its text with a new part between the marks."""
    text = readme.read_text() if readme.exists() else f"# {readme.parent.name}\n\n{_BEGIN}\n{_END}\n"
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return readme, f"{before}{_BEGIN}\n\n{part}\n\n{_END}{after}"


def main(arguments: list[str]) -> int:
    """Bring every file up to date, or with --check only compare.

    Returns:
        0, or with --check 1 when a file is out of date.
    """
    outdated = [(file, text) for file, text in generated(_PROJECT) if not file.exists() or file.read_text() != text]
    for file, text in outdated:
        print(f"{'out of date' if '--check' in arguments else 'written'}: {file.relative_to(_PROJECT)}")
        if "--check" not in arguments:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
    return 1 if outdated and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
