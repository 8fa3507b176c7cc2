"""What has to agree between a role's specification, defaults and README, Terraform, and the playbooks.

Each check takes the root of a project and returns what is wrong with it, one line each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.slipway.provision.plugins.plugin_utils.inventory import LAYERS

from plugins.plugin_utils.terraform_files import declared_outputs, declared_variables
from terraform.generate import generated
from tests.contract import terraform_files

Json = dict[str, Any]

_ROLE_FILES = ("README.md", "defaults/main.yml", "meta/argument_specs.yml", "tasks/main.yml")
_HEADINGS = ["Inputs", "Outputs", "Example", "Errors", "Tests"]
_SCENARIO_FILES = ("molecule.yml", "verify.yml")
_OUTPUT = re.compile(rf"\b({'|'.join([*LAYERS, 'image'])})_outputs\.(\w+)")


def one_shape(project: Path) -> Iterator[str]:
    """Every role has the same files, the same headings, and two Molecule scenarios."""
    for role in _roles(project):
        for file in _ROLE_FILES:
            if not (role / file).is_file():
                yield f"roles/{role.name} has no {file}"
        headings = re.findall(r"^## (.+)$", (role / "README.md").read_text(), re.MULTILINE)
        if [heading for heading in headings if heading in _HEADINGS] != _HEADINGS:
            yield f"roles/{role.name}/README.md has the headings {headings}, which have to hold {_HEADINGS}"
        for scenario in (f"molecule/{role.name}_{kind}" for kind in ("default", "alternative")):
            for file in _SCENARIO_FILES:
                if not (project / scenario / file).is_file():
                    yield f"{scenario}/{file} is missing"


def defaults_equal_specification(project: Path) -> Iterator[str]:
    """Names and values of defaults/main.yml and of the specification's defaults are the same."""
    for role in _roles(project):
        options, defaults = _options(role), _yaml(role / "defaults/main.yml") or {}
        for name in defaults.keys() - options.keys():
            yield f"roles/{role.name}: the specification has no {name}, which has a default"
        for name, option in options.items():
            if name in defaults and _is_computed(defaults[name]):
                if "default" in option:
                    yield f"roles/{role.name}: {name} has a computed default, the specification a fixed one"
            elif name in defaults and defaults[name] != option.get("default"):
                yield (
                    f"roles/{role.name}: the default of {name} is {defaults[name]!r}, "
                    f"the specification says {option.get('default')!r}"
                )
            elif name not in defaults and not option.get("required") and not _is_terraforms(project, role.name, name):
                yield f"roles/{role.name}: {name} is not required and has no default"


def readme_example_is_valid(project: Path) -> Iterator[str]:
    """The example of a README is YAML, and sets options that there are."""
    for role in _roles(project):
        text = _section(project, role.name, "Example")
        plays = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
        for play in plays:
            for entry in play.get("roles", []) + [task.get("vars", {}) for task in play.get("tasks", [])]:
                for name in entry.keys() - {"role", "when", "tags"} - _options(role).keys():
                    yield f"roles/{role.name}/README.md: the example sets {name}, which is no option"


def generated_is_current(project: Path) -> Iterator[str]:
    """Specifications of layers' roles and tables in READMEs are what `make generate` writes."""
    for file, text in generated(project):
        if file.read_text() != text:
            yield f"{file.relative_to(project)} is out of date; run make generate"


def outputs_exist(project: Path) -> Iterator[str]:
    """A variable named `<layer>_<output>` is an output of that layer, and of another than the one that declares it.

    The layer is that of the same cloud.
    """
    for layer in LAYERS:
        for root, folder in terraform_files.roots_of(project, layer).items():
            for name in declared_variables(folder):
                upstream, _, output = name.partition("_")
                if upstream == layer:
                    yield f"{root}: the variable {name} would be an output of its own layer"
                elif upstream in LAYERS and output not in declared_outputs(folder.parent / upstream):
                    yield f"{root}: no output {output} of layer {upstream} for the variable {name}"


def used_outputs_exist(project: Path) -> Iterator[str]:
    """Every `<layer>_outputs.<name>` of roles and playbooks exists."""
    known = {layer: set(_outputs(project, layer)) for layer in LAYERS}
    facts = _yaml(project / "roles/image/tasks/outputs.yml")[0]["ansible.builtin.set_fact"]
    known["image"] = set(facts["image_outputs"])
    files = [*project.glob("roles/**/*.yml"), *project.glob("playbooks/**/*.yml")]
    for file in sorted(files):
        for layer, name in _OUTPUT.findall(file.read_text()):
            if name not in known[layer]:
                where = file.relative_to(project)
                yield f"{where} uses {layer}_outputs.{name}, which {layer} does not put out"


def examples_are_complete(project: Path) -> Iterator[str]:
    """terraform.tfvars.example sets what is required, and nothing that there is not."""
    for layer in LAYERS:
        for root, folder in terraform_files.roots_of(project, layer).items():
            variables = declared_variables(folder)
            example = terraform_files.assignments(folder / "terraform.tfvars.example")
            for name in {name for name, variable in variables.items() if variable.required} - example.keys():
                yield f"{root}/terraform.tfvars.example does not set {name}, which is required"
            for name in example.keys() - variables.keys():
                yield f"{root}/terraform.tfvars.example sets {name}, which is no variable"


def shared_variables_are_options(project: Path) -> Iterator[str]:
    """What playbooks/vars sets with a role's prefix is an option of that role."""
    options = {name for role in _roles(project) for name in _options(role)}
    prefixes = tuple(f"{role.name}_" for role in _roles(project))
    for name, file in _shared_variables(project).items():
        if name.startswith(prefixes) and name not in options:
            yield f"playbooks/vars/{file}.yml sets {name}, which is no role's option"


def roots_are_those_of_roles(project: Path) -> Iterator[str]:
    """A layer's role applies the roots of `terraform/layers` that are compared before the layer's turn."""
    for layer in LAYERS:
        clouds = {folder.parent.name for folder in terraform_files.roots_of(project, layer).values()}
        cloud = "<cloud>" if len(clouds) > 1 else min(clouds)
        root = f"{cloud}/{layer}" if layer != "service" else "<cloud>/service_{{ service_platform }}"
        tasks = _yaml(project / f"roles/{layer}/tasks/main.yml")
        imported = next(task for task in tasks if "ansible.builtin.import_role" in task)
        applied = re.sub(r"^{{ [^}]+ }}/", "<cloud>/", imported["vars"]["terraform_layer_root"])
        if applied != root:
            yield f"roles/{layer} applies {applied}, the layer is {root}"


def entry_points_are_fixed(project: Path) -> Iterator[str]:
    """`tasks_from` of an included role is no template: Ansible would take the first host's for all hosts of a play."""
    for folder in ("roles", "playbooks", "molecule"):
        for file in sorted((project / folder).rglob("*.yml")):
            for name in re.findall(r"^\s*tasks_from: .*{{.*$", file.read_text(), re.MULTILINE):
                yield f"{file.relative_to(project)}: {name.strip()} differs from host to host"


def _shared_variables(project: Path) -> dict[str, str]:
    """Variables that the playbooks load, with the file that sets each."""
    return {name: file.stem for file in sorted(project.glob("playbooks/vars/*.yml")) for name in _yaml(file)}


def _roles(project: Path) -> list[Path]:
    return sorted(path for path in (project / "roles").iterdir() if path.is_dir())


def _yaml(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def _options(role: Path) -> Json:
    """The options of a role; of a layer's role, those of all platforms."""
    entry_points: Json = _yaml(role / "meta/argument_specs.yml")["argument_specs"]
    used = entry_points.values() if role.name in LAYERS else [entry_points["main"]]
    return {name: option for entry_point in used for name, option in entry_point["options"].items()}


def _outputs(project: Path, layer: str) -> Iterator[str]:
    for root in terraform_files.roots_of(project, layer).values():
        yield from declared_outputs(root)


def _role_options(project: Path, layer: str) -> set[str]:
    """Options that a layer's role keeps for itself: it names them to terraform_layer."""
    file = project / f"roles/{layer}/vars/main.yml"
    return set(_yaml(file)[f"__{layer}_role_options"]) if file.is_file() else set()


def _is_terraforms(project: Path, role: str, name: str) -> bool:
    return role in LAYERS and name not in _role_options(project, role)


def _is_computed(value: Any) -> bool:
    return "{{" in str(value)


def _section(project: Path, role: str, heading: str) -> str:
    text = (project / f"roles/{role}/README.md").read_text()
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
