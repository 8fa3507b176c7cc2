"""The provider's schema, read from the bindings that are published for it.

The bindings (PyPI package `cdktn-provider-google`) carry a jsii assembly: the package of JavaScript that CDK Terrain
generates from `terraform providers schema -json`. Each module of it holds its TypeScript source in its source map, and
that says all the schema says:

    // account_id - computed: false, optional: false, required: true     what Terraform calls it, and who sets it
    private _bootDisk = new ...BootDiskOutputReference(this, "boot_disk")  at most one; ...List: any number
    account_id: { isBlock: false, type: "simple", storageClassType: "string" }   block or not, nesting, type

What the schema itself leaves out, the descriptions give for most generated resources: choices ("Possible values"),
defaults ("Default value") and conflicts.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
import tarfile
import zipfile
from pathlib import Path

from slipway_emulator.google_provider.schema import Attribute, Block, NestedBlock, ProviderSchema, Type

_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=data:application/json;base64,(\S+)", re.MULTILINE)
_CLASS = re.compile(r"^export class (\w+) extends cdktn\.(\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_INTERFACE = re.compile(r"^export interface (\w+)[^{\n]*\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_TO_HCL = re.compile(r"^export function (\w+)ToHclTerraform\(.*?\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_MEMBER = re.compile(
    r"^  // (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\n(.*?)(?=^  // |\Z)",
    re.MULTILINE | re.DOTALL,
)
# The provider's own blocks are never read back, so no class describes them: their interface does.
_PLAIN_MEMBER = re.compile(r"^  private _\w+\?: (\w+)\[\] \| cdktn\.IResolvable;", re.MULTILINE)
_OBJECT_MEMBER = re.compile(r"^  private _\w+ = new (cdktn\.)?(\w+)\(this, \"\w+\"(?:, (true|false))?\)", re.MULTILINE)
_GETTER = re.compile(r"^    return ((?:cdktn\.Fn\.tolist\()?)this\.get(\w+)Attribute\(", re.MULTILINE)
_STORAGE = re.compile(
    r"^ +(\w+): \{\n +value: .*\n +isBlock: (true|false),\n +type: \"(\w+)\",\n +storageClassType: \"(\w+)\"",
    re.MULTILINE,
)
_PROPERTY = re.compile(r"^  /\*\*\n(.*?)\*/\n  readonly \w+(\??): ", re.MULTILINE | re.DOTALL)
_PROPERTY_NAME = re.compile(r"\* Docs at Terraform Registry: \{@link \S+#(\w+) ")
_RESOURCE_TYPE = re.compile(r'^  public static readonly tfResourceType = "(\w+)";', re.MULTILINE)

_CHOICES = re.compile(r"Possible values: (\[(?:\"[^\"]*\"(?:, )?)*\])")
_DEFAULT = re.compile(r"Default value: \"([^\"]*)\"")
_CONFLICTS = re.compile(
    r"(?:Conflicts with|Only one of) ([\w\"'`, ]+?)(?: (?:may|can) be (?:set|specified|provided))?\.(?:\s|$)"
)

# The one module that describes no schema: the provider's own functions, which the stand-in has none of.
_FUNCTIONS = "provider-functions"
_KINDS = ("TerraformProvider", "TerraformResource", "TerraformDataSource", "TerraformEphemeralResource")
# What cdktn calls the types of inputs (`storageClassType`) and of results (the getter).
_INPUT_TYPES: dict[str, Type] = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "stringList": "string",
    "numberList": "number",
    "stringMap": ["map", "string"],
}
_RESULT_TYPES: dict[str, Type] = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "NumberList": ["list", "number"],
    "StringMap": ["map", "string"],
}
_RESULT_CLASSES: dict[str, Type] = {
    "StringMap": ["map", "string"],
    "StringMapList": ["list", ["map", "string"]],
}


class UnreadableError(Exception):
    """The bindings are not written the way this reads them; the message says where."""


def read_wheel(wheel: Path) -> ProviderSchema:
    """The schema in a wheel of the bindings.

    Args:
        wheel: the file as PyPI has it.

    Raises:
        UnreadableError: a module is not as expected. Nothing is guessed: half a schema would let mistakes pass.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jsii.tgz")]
        if len(names) != 1:
            raise UnreadableError(f"{wheel.name} holds {len(names)} jsii assemblies, not one")
        assembly = archive.read(names[0])
    return read_sources(_sources(assembly))


def _sources(assembly: bytes) -> dict[str, str]:
    """TypeScript by the name of its module; the largest modules are written in several files."""
    sources: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(assembly), mode="r:gz") as archive:
        for member in archive:
            parts = member.name.split("/")
            if len(parts) < 4 or parts[1] != "lib" or not member.name.endswith(".js"):
                continue
            file = archive.extractfile(member)
            found = _SOURCE_MAP.search(file.read().decode()) if file else None
            if not found:
                raise UnreadableError(f"{member.name} has no source map")
            contents = json.loads(base64.b64decode(found[1])).get("sourcesContent") or []
            if len(contents) != 1:
                raise UnreadableError(f"the source map of {member.name} holds {len(contents)} sources, not one")
            sources[parts[2]] = sources.get(parts[2], "") + contents[0]
    return sources


def read_sources(sources: dict[str, str]) -> ProviderSchema:
    """The schema in the bindings' TypeScript.

    Args:
        sources: TypeScript by the name of its module.

    Raises:
        UnreadableError: a module is not as expected.
    """
    providers: dict[str, Block] = {}
    resources: dict[str, Block] = {}
    data_sources: dict[str, Block] = {}
    kinds = {
        "TerraformProvider": providers,
        "TerraformResource": resources,
        "TerraformDataSource": data_sources,
        # The stand-in has none of them.
        "TerraformEphemeralResource": {},
    }
    for module, source in sources.items():
        if module == _FUNCTIONS:
            continue
        try:
            parsed = _Module(source)
            kinds[parsed.kind][parsed.resource_type] = parsed.block()
        except UnreadableError as error:
            raise UnreadableError(f"module {module}: {error}") from None
    if list(providers) != ["google"]:
        raise UnreadableError(f"the bindings are of {', '.join(providers) or 'no provider'}, not of google")
    return ProviderSchema(providers["google"], resources, data_sources)


class _Module:
    """One module of the bindings: a resource, a data source or the provider."""

    def __init__(self, source: str) -> None:
        self._classes = {found[1]: (found[2], found[3]) for found in _CLASS.finditer(source)}
        self._interfaces = {found[1]: found[2] for found in _INTERFACE.finditer(source)}
        self._storage = {found[1]: _storage(found[2]) for found in _TO_HCL.finditer(source)}
        top = [name for name, (base, _) in self._classes.items() if not base.startswith("Complex")]
        if len(top) != 1:
            raise UnreadableError(f"{len(top)} classes extend cdktn's own, not one")
        self._top = top[0]
        self.kind, body = self._classes[self._top]
        found = _RESOURCE_TYPE.search(body)
        if self.kind not in _KINDS or not found:
            raise UnreadableError(f"{self._top} extends {self.kind} and names no type")
        self.resource_type = found[1]

    def block(self) -> Block:
        """What the module describes."""
        body = self._classes[self._top][1]
        return self._read(
            self._top, body, _storage(body), _descriptions(self._interfaces.get(f"{self._top}Config", ""))
        )

    def _read(self, name: str, body: str, storage: dict[str, _Storage], descriptions: dict[str, str]) -> Block:
        attributes: dict[str, Attribute] = {}
        blocks: dict[str, NestedBlock] = {}
        members = list(_MEMBER.finditer(body))
        for found in members:
            member, computed, optional, required = found[1], *(found[i] == "true" for i in (2, 3, 4))
            if member not in storage:
                if optional or required:
                    raise UnreadableError(f"{name}.{member} is an argument that is never written")
                attributes[member] = Attribute(self._result_type(name, member, found[5]), computed=True)
            elif storage[member].is_block:
                blocks[member] = self._nested(name, member, found[5], storage[member], required)
            else:
                attributes[member] = Attribute(
                    storage[member].type(name, member), required, optional, computed, descriptions.get(member, "")
                )
        missing = set(storage) - set(attributes) - set(blocks)
        if missing:
            raise UnreadableError(f"{name} writes {', '.join(sorted(missing))}, of which it says nothing")
        return _with_knowledge(Block(attributes, blocks), descriptions)

    def _nested(self, name: str, member: str, code: str, storage: _Storage, required: bool) -> NestedBlock:
        nesting = "single" if storage.kind == "struct" else storage.kind
        if nesting not in ("single", "list", "set"):
            raise UnreadableError(f"the block {name}.{member} is nested as {storage.kind}")
        found, plain = _OBJECT_MEMBER.search(code), _PLAIN_MEMBER.search(code)
        if plain:
            return NestedBlock(self._read_interface(plain[1]), nesting, min_items=int(required))
        if not found or found[1]:
            raise UnreadableError(f"the block {name}.{member} has no class")
        struct, many = _struct(found[2])
        descriptions = _descriptions(self._interfaces.get(struct, ""))
        return NestedBlock(
            self._read(struct, self._body(struct), self._storage_of(struct), descriptions),
            nesting,
            min_items=int(required),
            max_items=0 if many or nesting == "single" else 1,
        )

    def _read_interface(self, struct: str) -> Block:
        descriptions = _descriptions(self._interfaces.get(struct, ""))
        attributes = {}
        for found in _PROPERTY.finditer(self._interfaces.get(struct, "")):
            name = _PROPERTY_NAME.search(found[1])
            storage = self._storage_of(struct).get(name[1] if name else "")
            if not name or not storage or storage.is_block:
                raise UnreadableError(f"the arguments of {struct} are not all plain")
            optional = found[2] == "?"
            attributes[name[1]] = Attribute(
                storage.type(struct, name[1]), not optional, optional, description=descriptions[name[1]]
            )
        return _with_knowledge(Block(attributes, {}), descriptions)

    def _storage_of(self, struct: str) -> dict[str, _Storage]:
        return self._storage.get(struct[0].lower() + struct[1:], {})

    def _result_type(self, name: str, member: str, code: str) -> Type:
        found = _OBJECT_MEMBER.search(code)
        if found and found[1]:
            if found[2] in _RESULT_CLASSES:
                return _RESULT_CLASSES[found[2]]
        elif found:
            struct, _ = _struct(found[2])
            inner = self._read(struct, self._body(struct), {}, {})
            return ["set" if found[3] == "true" else "list", inner.type()]
        getter = _GETTER.search(code)
        if getter and getter[2] in _RESULT_TYPES:
            result = _RESULT_TYPES[getter[2]]
            # A set is read as a list made of it.
            return ["set", result[1]] if getter[1] else result
        raise UnreadableError(f"the type of {name}.{member} is unknown")

    def _body(self, struct: str) -> str:
        try:
            return self._classes[f"{struct}OutputReference"][1]
        except KeyError:
            raise UnreadableError(f"there is no class {struct}OutputReference") from None


@dataclasses.dataclass(frozen=True)
class _Storage:
    """How an argument is written to HCL."""

    is_block: bool
    kind: str
    storage_class: str

    def type(self, name: str, member: str) -> Type:
        """Its type, for an argument that is no block."""
        if self.storage_class not in _INPUT_TYPES:
            raise UnreadableError(f"{name}.{member} is written as {self.storage_class}")
        inner = _INPUT_TYPES[self.storage_class]
        return [self.kind, inner] if self.kind in ("list", "set") else inner


def _storage(code: str) -> dict[str, _Storage]:
    return {found[1]: _Storage(found[2] == "true", found[3], found[4]) for found in _STORAGE.finditer(code)}


def _struct(class_name: str) -> tuple[str, bool]:
    """The struct a class refers to, and whether there may be many."""
    for suffix, many in (("OutputReference", False), ("List", True)):
        if class_name.endswith(suffix):
            return class_name.removesuffix(suffix), many
    raise UnreadableError(f"{class_name} is neither a reference nor a list")


def _descriptions(code: str) -> dict[str, str]:
    descriptions = {}
    for found in _PROPERTY.finditer(code):
        text, _, _ = found[1].partition("* Docs at Terraform Registry:")
        name = _PROPERTY_NAME.search(found[1])
        if name:
            lines = [line.strip().removeprefix("*").strip() for line in text.strip().split("\n")]
            descriptions[name[1]] = "\n".join(lines).strip()
    return descriptions


def _with_knowledge(block: Block, descriptions: dict[str, str]) -> Block:
    """The block with what its descriptions say of choices, defaults and conflicts."""
    members = set(block.attributes) | set(block.blocks)
    conflicts: dict[str, set[str]] = {name: set() for name in members}
    for name, text in descriptions.items():
        # Prose that names anything but arguments of this very block is about something else.
        for found in _CONFLICTS.finditer(text):
            named = set(re.findall(r"\w+", found[1])) - {"and", "or"}
            if name in members and named <= members:
                for other in named - {name}:
                    conflicts[name].add(other)
                    conflicts[other].add(name)
    attributes = {}
    for name, attribute in block.attributes.items():
        choices = _CHOICES.search(attribute.description)
        default = _DEFAULT.search(attribute.description)
        values = tuple(json.loads(choices[1])) if choices and attribute.type == "string" else ()
        attributes[name] = dataclasses.replace(
            attribute,
            choices=values,
            default=default[1] if default and default[1] in values else None,
            conflicts=tuple(sorted(conflicts[name])),
        )
    blocks = {
        name: dataclasses.replace(nested, conflicts=tuple(sorted(conflicts[name])))
        for name, nested in block.blocks.items()
    }
    return Block(attributes, blocks)
