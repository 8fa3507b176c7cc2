"""A provider's schema: what Terraform's plugin protocol says of it, and what only the provider's code knows.

The second kind (choices, defaults, conflicts) never reaches Terraform: a provider checks it by itself.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tf.gen import tfplugin_pb2 as pb

# A type as the protocol writes it (Terraform, "Object Wire Format"): "string", ["list", "string"],
# ["object", {"name": "string"}] and so on.
Type = Any

_NESTING = {
    "list": pb.Schema.NestedBlock.LIST,
    "set": pb.Schema.NestedBlock.SET,
    "single": pb.Schema.NestedBlock.SINGLE,
}


@dataclasses.dataclass(frozen=True)
class Attribute:
    """An argument or a result.

    Attributes:
        type: its type.
        required, optional, computed: as in the protocol.
        description: the provider's own text, or nothing.
        choices: the values that the provider accepts, or nothing where any will do.
        default: what the provider takes where nothing is given.
        conflicts: names beside this one that must not be given together with it.
    """

    type: Type
    required: bool = False
    optional: bool = False
    computed: bool = False
    description: str = ""
    choices: tuple[str, ...] = ()
    default: Any = None
    conflicts: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class NestedBlock:
    """A block in a block.

    Attributes:
        block: what is in it.
        nesting: "list", "set" or "single".
        min_items, max_items: how many there may be; 0 stands for any number.
        computed: whether the service fills it in where nothing is given.
        conflicts: names beside this one that must not be given together with it.
    """

    block: Block
    nesting: str
    min_items: int = 0
    max_items: int = 0
    computed: bool = False
    conflicts: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Block:
    """The arguments and blocks of a resource, a data source, the provider, or another block."""

    attributes: dict[str, Attribute]
    blocks: dict[str, NestedBlock]

    def type(self) -> Type:
        """The object type of its values."""
        members = {name: attribute.type for name, attribute in self.attributes.items()}
        for name, nested in self.blocks.items():
            inner = nested.block.type()
            members[name] = inner if nested.nesting == "single" else [nested.nesting, inner]
        return ["object", members]

    def walk(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Block]]:
        """This block and all in it, each with the names that lead to it."""
        yield path, self
        for name, nested in self.blocks.items():
            yield from nested.block.walk((*path, name))


@dataclasses.dataclass(frozen=True)
class ProviderSchema:
    """All that a provider has; resources and data sources by Terraform's name of their type."""

    provider: Block
    resources: dict[str, Block]
    data_sources: dict[str, Block]


# `write_only` of an attribute (field 11 of `Schema.Attribute` in tfplugin6.8), which the package tf does not know yet.
_WRITE_ONLY = b"\x58\x01"


def is_write_only(name: str) -> bool:
    """Whether an argument is given to the provider, and is in no plan and no state: the real one names them all so.

    Args:
        name: of the argument.
    """
    return name.endswith("_wo")


_RESPONSE_FILE = "schema.pb"
_KNOWLEDGE_FILE = "knowledge.json"


def write(schema: ProviderSchema, directory: Path) -> None:
    """Keep a schema as files that a provider process reads fast.

    Args:
        schema: what to keep.
        directory: where to; it is made when missing.
    """
    directory.mkdir(parents=True, exist_ok=True)
    response = pb.GetProviderSchema.Response(
        provider=_message(schema.provider),
        resource_schemas={name: _message(block) for name, block in schema.resources.items()},
        data_source_schemas={name: _message(block) for name, block in schema.data_sources.items()},
    )
    (directory / _RESPONSE_FILE).write_bytes(response.SerializeToString(deterministic=True))
    knowledge = {
        kind: {name: known for name, block in blocks.items() if (known := _knowledge(block))}
        for kind, blocks in (
            ("provider", {"google": schema.provider}),
            ("resource", schema.resources),
            ("data", schema.data_sources),
        )
    }
    (directory / _KNOWLEDGE_FILE).write_text(json.dumps(knowledge, sort_keys=True, separators=(",", ":")))


class StoredSchema:
    """A schema that `write` has kept; a block is read when it is first asked for.

    Args:
        directory: where it was written.

    Raises:
        FileNotFoundError: nothing was written there.
    """

    def __init__(self, directory: Path) -> None:
        self.response = pb.GetProviderSchema.Response.FromString((directory / _RESPONSE_FILE).read_bytes())
        self._knowledge = json.loads((directory / _KNOWLEDGE_FILE).read_bytes())
        self._blocks: dict[tuple[str, str], Block] = {}

    def provider(self) -> Block:
        """The provider's own configuration."""
        return self._block("provider", "google", self.response.provider)

    def resource(self, name: str) -> Block:
        """A resource's block by its type's name."""
        return self._block("resource", name, self.response.resource_schemas[name])

    def data_source(self, name: str) -> Block:
        """A data source's block by its type's name."""
        return self._block("data", name, self.response.data_source_schemas[name])

    def _block(self, kind: str, name: str, message: Any) -> Block:
        if (kind, name) not in self._blocks:
            known = self._knowledge[kind].get(name, {})
            self._blocks[kind, name] = _from_message(message.block, known, ())
        return self._blocks[kind, name]


def _message(block: Block) -> Any:
    return pb.Schema(block=_block_message(block))


def _attribute_message(name: str, attribute: Attribute) -> Any:
    message = pb.Schema.Attribute(
        name=name,
        type=json.dumps(attribute.type, separators=(",", ":")).encode(),
        description=attribute.description,
        required=attribute.required,
        optional=attribute.optional,
        computed=attribute.computed,
    )
    if is_write_only(name):
        message.MergeFromString(_WRITE_ONLY)
    return message


def _block_message(block: Block) -> Any:
    return pb.Schema.Block(
        attributes=[_attribute_message(name, attribute) for name, attribute in sorted(block.attributes.items())],
        block_types=[
            pb.Schema.NestedBlock(
                type_name=name,
                block=_block_message(nested.block),
                nesting=_NESTING[nested.nesting],
                min_items=nested.min_items,
                max_items=nested.max_items,
            )
            for name, nested in sorted(block.blocks.items())
        ],
    )


def _knowledge(block: Block) -> dict[str, dict[str, Any]]:
    """What the protocol has no place for, by the dotted path of the attribute or block."""
    known: dict[str, dict[str, Any]] = {}
    for path, inner in block.walk():
        for name, member in [*inner.attributes.items(), *inner.blocks.items()]:
            facts = {
                field: value
                for field in ("choices", "default", "conflicts")
                if (value := getattr(member, field, None)) not in (None, ())
            }
            if isinstance(member, NestedBlock) and member.computed:
                facts["computed"] = True
            if facts:
                known[".".join((*path, name))] = facts
    return known


def _from_message(message: Any, known: dict[str, dict[str, Any]], path: tuple[str, ...]) -> Block:
    nestings = {number: name for name, number in _NESTING.items()}
    attributes, blocks = {}, {}
    for attribute in message.attributes:
        facts = known.get(".".join((*path, attribute.name)), {})
        attributes[attribute.name] = Attribute(
            type=json.loads(attribute.type),
            required=attribute.required,
            optional=attribute.optional,
            computed=attribute.computed,
            description=attribute.description,
            choices=tuple(facts.get("choices", ())),
            default=facts.get("default"),
            conflicts=tuple(facts.get("conflicts", ())),
        )
    for nested in message.block_types:
        here = (*path, nested.type_name)
        facts = known.get(".".join(here), {})
        blocks[nested.type_name] = NestedBlock(
            block=_from_message(nested.block, known, here),
            nesting=nestings[nested.nesting],
            min_items=nested.min_items,
            max_items=nested.max_items,
            computed=facts.get("computed", False),
            conflicts=tuple(facts.get("conflicts", ())),
        )
    return Block(attributes, blocks)
