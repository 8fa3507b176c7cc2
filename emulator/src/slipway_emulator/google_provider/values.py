"""Values as Terraform sends them, and what a provider makes of them before anything is asked of an API.

A value is what msgpack decodes: None, bool, int, float, str, list, dict, and an extension type for what is not
known yet (Terraform, "Object Wire Format").
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgpack
from tf.gen import tfplugin_pb2 as pb

from slipway_emulator.google_provider.schema import Attribute, Block, NestedBlock, Type, is_write_only

Value = Any
Object = dict[str, Any]
# Names and, for lists, positions that lead to a value.
Path = tuple[str | int, ...]

UNKNOWN = msgpack.ExtType(0, b"\x00")


def is_unknown(value: Value) -> bool:
    """Whether a value is only known after apply; Terraform may say more about it, which is ignored."""
    return isinstance(value, msgpack.ExtType)


def decode(message: Any) -> Value:
    """The value of a DynamicValue."""
    if message.json:
        return json.loads(message.json)
    return msgpack.unpackb(message.msgpack, strict_map_key=False) if message.msgpack else None


def encode(value: Value) -> Any:
    """A DynamicValue of a value."""
    return pb.DynamicValue(msgpack=msgpack.packb(value))


def conform(value: Value, of: Type) -> Value:
    """A value with every member that its type has, and no other: a state that another version wrote."""
    if value is None or isinstance(of, str):
        return value
    kind, inner = of
    if kind == "object":
        return {name: conform(value.get(name), member) for name, member in inner.items()}
    if kind == "map":
        return {key: conform(item, inner) for key, item in value.items()}
    return [conform(item, inner) for item in value]


def each_object(block: Block, value: Object | None, path: Path = ()) -> Iterator[tuple[Block, Object, Path]]:
    """The object of a block and of each block in it, outermost first, with their paths; unknown ones are left out."""
    if value is None or is_unknown(value):
        return
    yield block, value, path
    for name, nested in block.blocks.items():
        for position, item in enumerate(items(nested, value.get(name))):
            inner = (*path, name) if nested.nesting == "single" else (*path, name, position)
            yield from each_object(nested.block, item, inner)


def items(nested: NestedBlock, value: Value) -> list[Object]:
    """The objects of one kind of block."""
    if value is None or is_unknown(value):
        return []
    return [value] if nested.nesting == "single" else value


def is_given(value: Value) -> bool:
    """Whether a configuration has something there."""
    return value is not None and value != []


def diagnostic(summary: str, detail: str = "", path: Path = ()) -> Any:
    """An error for Terraform to show, at its place in the configuration."""
    steps = [
        pb.AttributePath.Step(attribute_name=step)
        if isinstance(step, str)
        else pb.AttributePath.Step(element_key_int=step)
        for step in path
    ]
    attribute = pb.AttributePath(steps=steps) if steps else None
    return pb.Diagnostic(severity=pb.Diagnostic.ERROR, summary=summary, detail=detail, attribute=attribute)


def validate(block: Block, config: Object) -> Iterator[Any]:
    """What is wrong with a configuration that fits the schema: results given, values outside their choices, conflicts.

    Terraform has looked at names, types and numbers of blocks before it asks. The words are those of the
    provider's own checks (terraform-plugin-sdk, `validate` and `ConflictsWith`; terraform-provider-google,
    `ValidateEnum`).
    """
    for inner, value, path in each_object(block, config):
        for name, member in members(inner):
            found = value.get(name)
            if not is_given(found):
                continue
            here = dotted((*path, name))
            if isinstance(member, Attribute) and not (member.required or member.optional):
                text = (
                    f'Can\'t configure a value for "{here}": its value will be decided automatically based on the '
                    "result of applying this configuration."
                )
                yield diagnostic("Value for unconfigurable attribute", text, (*path, name))
            for other in member.conflicts:
                if is_given(value.get(other)):
                    text = f'"{here}": conflicts with {dotted((*path, other))}'
                    yield diagnostic("Conflicting configuration arguments", text, (*path, name))
            choices = member.choices if isinstance(member, Attribute) else ()
            if choices and not is_unknown(found) and found not in (*choices, ""):
                text = f"expected {here} to be one of {json.dumps(choices)}, got {found}"
                yield diagnostic(text, path=(*path, name))


def members(block: Block) -> Iterator[tuple[str, Attribute | NestedBlock]]:
    """Names of a block's attributes and blocks, with what they are."""
    yield from block.attributes.items()
    yield from block.blocks.items()


def dotted(path: Path) -> str:
    """A path as the provider writes it: `template.0.timeout`."""
    return ".".join(map(str, path))


def plan(block: Block, config: Object, proposed: Object, prior: Object | None) -> Object:
    """What a resource will be after apply.

    Args:
        block: its schema.
        config: what the user wrote.
        proposed: that, with what is computed taken from the prior state (Terraform, `PlanResourceChange`).
        prior: the state before, or None when the resource is to be made.

    Returns:
        The proposed value with defaults in place; what is computed and not known is unknown.
    """
    planned: Object = {}
    for name, attribute in block.attributes.items():
        if is_write_only(name):
            planned[name] = None
            continue
        value = proposed.get(name)
        if value is None and config.get(name) is None:
            if attribute.default is not None:
                value = attribute.default
            elif attribute.computed and prior is None:
                value = UNKNOWN
        was = (prior or {}).get(name)
        if prior is not None and not value and not was and not is_unknown(was) and not attribute.default:
            # Nothing, empty, zero and false are one to terraform-plugin-sdk, but where nothing stands for a default.
            value = was
        planned[name] = value
    for name, nested in block.blocks.items():
        planned[name] = _plan_blocks(
            nested, config.get(name), proposed.get(name), (prior or {}).get(name), prior is None
        )
    return planned


def _plan_blocks(nested: NestedBlock, config: Value, proposed: Value, prior: Value, is_new: bool) -> Value:
    if is_unknown(proposed) or proposed is None:
        return proposed
    if nested.nesting == "single":
        return plan(nested.block, config, proposed, prior)
    if not proposed and nested.computed:
        # Terraform proposes no block where none is written; a provider keeps what the service has filled in.
        return UNKNOWN if is_new else prior
    befores: list[Object | None] = list(prior or [])
    if nested.nesting == "set":
        # No position says which was which.
        befores = [next((b for b in befores if b and _agrees(item, b)), None) for item in proposed]
    befores += [None] * len(proposed)
    configs = config if isinstance(config, list) and len(config) == len(proposed) else proposed
    return [plan(nested.block, c, p, b) for c, p, b in zip(configs, proposed, befores, strict=False)]


def _agrees(item: Object, before: Object) -> bool:
    return all(value is None or is_unknown(value) or value == before.get(name) for name, value in item.items())


def settle(block: Block, read: Object, before: Object) -> Object:
    """What was read, with nothings written as they were.

    Google's APIs leave out what is empty, zero or false, and Terraform tells these from what is absent. A provider
    of terraform-plugin-sdk does not, so neither may this one, or each plan would show a difference.

    Args:
        block: the schema.
        read: what the API says, as a value.
        before: the state or the plan that it is compared with.
    """
    settled: Object = {}
    for name, attribute in block.attributes.items():
        value, was = read.get(name), before.get(name)
        is_nothing = not value and not was and not is_unknown(was) and not attribute.default
        if is_nothing and (was is not None or not attribute.computed):
            value = was
        settled[name] = value
    for name, nested in block.blocks.items():
        value, was = read.get(name), before.get(name)
        if nested.nesting == "single":
            # `timeouts`: the user's alone.
            settled[name] = None if is_unknown(was) else was
            continue
        befores: list[Object] = [] if is_unknown(was) or was is None else list(was)
        if nested.nesting == "set":
            befores = [next((b for b in befores if _agrees_in_part(item, b)), {}) for item in value or []]
        befores += [{}] * len(value or [])
        settled[name] = [settle(nested.block, item, b) for item, b in zip(value or [], befores, strict=False)]
    return settled


def _agrees_in_part(item: Object, before: Object) -> bool:
    return all(not value or not before.get(name) or value == before[name] for name, value in item.items())
