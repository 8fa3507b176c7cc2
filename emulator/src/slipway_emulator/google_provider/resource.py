"""What a resource of this provider is, and what the ones of Google's REST APIs have in common."""

from __future__ import annotations

import abc
import dataclasses
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import requests
from google.auth.exceptions import GoogleAuthError

from slipway_emulator.google_provider import values
from slipway_emulator.google_provider.configuration import Configuration
from slipway_emulator.google_provider.schema import Attribute, Block, NestedBlock
from slipway_emulator.google_provider.values import UNKNOWN, Object, Value, is_unknown

# Terraform's mark on what it made (hashicorp/google, `add_terraform_attribution_label`).
_ATTRIBUTION = {"goog-terraform-provisioned": "true"}
# Arguments of nearly every resource that no API is told.
TERRAFORM_ONLY = ("deletion_policy",)
_REQUEST_TIMEOUT_SECONDS = 60
_OPERATION_TIMEOUT_SECONDS = 20 * 60
_FIRST_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.1, 5.0


class ApiError(Exception):
    """A call failed.

    Args:
        message: what to tell the user.
        status: the HTTP status, or 0 when there was no answer.
        state: what is to be kept in the state all the same.
    """

    def __init__(self, message: str, status: int = 0, state: Object | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.state = state


class Resource(abc.ABC):
    """One type of resource.

    Args:
        block: its schema.
    """

    # Attributes that cannot change, at the top of the resource (`ForceNew`).
    immutable: tuple[str, ...] = ()
    # What the published schema leaves out, by dotted names: blocks that the service fills in (`Computed`), and what
    # stands for nothing (`Default`).
    computed_blocks: tuple[str, ...] = ()
    # Attributes, at the top of the resource, that Terraform shows nobody (`Sensitive`).
    sensitive: tuple[str, ...] = ()
    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, block: Block) -> None:
        self.block = self._complete(block, ())

    def _complete(self, block: Block, path: tuple[str, ...]) -> Block:
        attributes = {
            name: dataclasses.replace(attribute, default=self.defaults.get(".".join((*path, name)), attribute.default))
            for name, attribute in block.attributes.items()
        }
        blocks = {
            name: dataclasses.replace(
                nested,
                block=self._complete(nested.block, (*path, name)),
                computed=".".join((*path, name)) in self.computed_blocks,
            )
            for name, nested in block.blocks.items()
        }
        return Block(attributes, blocks)

    def validate(self, config: Object) -> Iterable[Any]:
        """Diagnostics of a configuration that fits the schema."""
        return ()

    def complete_plan(self, configuration: Configuration, planned: Object, prior: Object | None) -> Object:
        """The plan with what the provider's configuration decides.

        Args:
            configuration: the provider's.
            planned: what the schema and the user's configuration say.
            prior: the state before, or None when the resource is to be made.
        """
        if "project" in planned and (not planned["project"] or is_unknown(planned["project"])):
            planned["project"] = configuration.project or UNKNOWN
        if "effective_labels" in planned and not is_unknown(planned.get("labels")):
            labels = dict(configuration.labels) | (planned.get("labels") or {})
            before = dict((prior or {}).get("terraform_labels") or {})
            # The attribution label goes on at creation and is left alone after that.
            if configuration.attribution_label and (prior is None or set(_ATTRIBUTION) <= set(before)):
                labels = _ATTRIBUTION | labels
            others = {k: v for k, v in ((prior or {}).get("effective_labels") or {}).items() if k not in before}
            planned["terraform_labels"] = labels
            planned["effective_labels"] = others | labels
        if "effective_annotations" in planned and not is_unknown(planned.get("annotations")):
            before = dict((prior or {}).get("annotations") or {})
            others = {k: v for k, v in ((prior or {}).get("effective_annotations") or {}).items() if k not in before}
            planned["effective_annotations"] = others | (planned.get("annotations") or {})
        return planned

    def replaced(self, prior: Object, planned: Object) -> list[str]:
        """The attributes because of which the resource must be made anew."""
        return [name for name in self.immutable if prior.get(name) != planned.get(name)]

    @abc.abstractmethod
    def create(self, configuration: Configuration, planned: Object) -> Object:
        """Make it; returns its state."""

    @abc.abstractmethod
    def read(self, configuration: Configuration, state: Object) -> Object | None:
        """Its state as it is now, or None when it is gone."""

    def read_back(self, configuration: Configuration, state: Object) -> Object:
        """The state of what has just been made or changed.

        Raises:
            ApiError: it is gone already.
        """
        read = self.read(configuration, state)
        if read is None:
            raise ApiError(f"{state['id']} was there, and is gone")
        return read

    @abc.abstractmethod
    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        """Change it; returns its state."""

    @abc.abstractmethod
    def delete(self, configuration: Configuration, state: Object) -> None:
        """Remove it; it may be gone already."""

    @abc.abstractmethod
    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        """The least state from which `read` can go on."""

    def empty(self) -> Object:
        """A value of this resource with nothing in it."""
        return dict.fromkeys(self.block.attributes) | {
            name: None if nested.nesting == "single" else [] for name, nested in self.block.blocks.items()
        }


def call(
    configuration: Configuration,
    method: str,
    product: str,
    path: str,
    *,
    parameters: Mapping[str, str] | None = None,
    body: Any = None,
) -> Any:
    """Ask an API.

    Args:
        configuration: knows the address and the credentials.
        method: of HTTP.
        product: the API, as the provider's arguments call it: "cloud_run_v2".
        path: what follows the base address.
        parameters: of the query.
        body: sent as JSON.

    Returns:
        The answer's JSON.

    Raises:
        ApiError: the API says no, or says nothing.
    """
    url = configuration.endpoints[product] + path
    try:
        response = configuration.session.request(
            method, url, params=parameters, json=body, timeout=_REQUEST_TIMEOUT_SECONDS
        )
    except (requests.RequestException, GoogleAuthError) as error:
        raise ApiError(f"{method} {url}: {error}") from None
    try:
        answer = response.json() if response.content else {}
    except ValueError:
        answer = {}
    if response.ok:
        return answer
    problem = answer.get("error") if isinstance(answer, dict) else None
    message = problem.get("message") if isinstance(problem, dict) else response.reason
    # The words of google-api-go-client, `googleapi.Error`.
    errors = problem.get("errors", []) if isinstance(problem, dict) else []
    reason = f", {errors[0].get('reason')}" if len(errors) == 1 and errors[0].get("message") == message else ""
    raise ApiError(f"googleapi: Error {response.status_code}: {message}{reason}", response.status_code)


def wait(configuration: Configuration, product: str, operation: Any, activity: str) -> Any:
    """Wait for a long-running operation.

    Args:
        configuration: knows the address and the credentials.
        product: the API.
        operation: a google.longrunning.Operation.
        activity: what it does, for the message: "Creating Service".

    Returns:
        The operation's response.

    Raises:
        ApiError: it failed, or does not end.
    """
    deadline = time.monotonic() + _OPERATION_TIMEOUT_SECONDS
    pause = _FIRST_POLL_SECONDS
    while not operation.get("done"):
        if time.monotonic() > deadline:
            raise ApiError(f"Error waiting for {activity}: timeout after {_OPERATION_TIMEOUT_SECONDS} s")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_POLL_SECONDS)
        operation = call(configuration, "GET", product, operation["name"])
    if "error" in operation:
        error = operation["error"]
        raise ApiError(f"Error waiting for {activity}: Error code {error.get('code')}, message: {error.get('message')}")
    return operation.get("response", {})


def is_same_link(one: Any, other: Any) -> bool:
    """Whether two addresses lead to the same resource, whatever they begin with (`CompareSelfLinkRelativePaths`)."""
    if not (isinstance(one, str) and isinstance(other, str)):
        return bool(one == other)
    first, second = (link.rpartition("/projects/")[2].removeprefix("projects/") for link in (one, other))
    return first == second


def found(read: Callable[[], Any]) -> Any:
    """What a call returns, or None when there is no such thing."""
    try:
        return read()
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def camel(name: str) -> str:
    """`max_instance_count` as the APIs write it: `maxInstanceCount`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def expand(block: Block, value: Object) -> dict[str, Any]:
    """A value as an API takes it: what is not given is left out.

    Args:
        block: the schema.
        value: the planned value.
    """
    sent: dict[str, Any] = {}
    for name, member in values.members(block):
        item = value.get(name)
        if is_unknown(item) or item is None or item in ("", [], {}):
            continue
        if isinstance(member, Attribute):
            sent[camel(name)] = item
        elif member.nesting != "single":
            objects = [expand(member.block, one) if one is not None else {} for one in item]
            sent[camel(name)] = objects[0] if member.max_items == 1 else objects
    return sent


def flatten(block: Block, answer: Mapping[str, Any]) -> Object:
    """An API's answer as a value.

    Args:
        block: the schema.
        answer: the JSON of the resource.
    """
    value: Object = {
        name: _convert(attribute.type, answer.get(camel(name))) for name, attribute in block.attributes.items()
    }
    for name, nested in block.blocks.items():
        value[name] = _flatten_blocks(nested, answer.get(camel(name)))
    return value


def _flatten_blocks(nested: NestedBlock, answer: Any) -> Value:
    if nested.nesting == "single":
        return None
    if answer is None:
        return []
    return [flatten(nested.block, item) for item in ([answer] if isinstance(answer, dict) else answer)]


def _convert(of: Any, answer: Any) -> Value:
    """A JSON value as one of a type: 64 bit numbers come as strings, single objects where Terraform has lists."""
    if answer is None:
        return None
    if of == "number":
        return int(answer) if isinstance(answer, str) else answer
    if of == "string":
        return str(answer)
    if of == "bool":
        return bool(answer)
    kind, inner = of
    if kind == "object":
        return {name: _convert(member, answer.get(camel(name))) for name, member in inner.items()}
    if kind == "map":
        return {key: _convert(inner, item) for key, item in answer.items()}
    return [_convert(inner, item) for item in ([answer] if isinstance(answer, dict) else answer)]


def identify(identifier: str, *patterns: str) -> dict[str, str]:
    """The parts of an import's identifier.

    Args:
        identifier: what the user wrote.
        patterns: the forms it may have, with braces around the parts: `projects/{project}/services/{name}`.

    Raises:
        ApiError: it has none of these forms.
    """
    for pattern in patterns:
        expression = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(pattern))
        match = re.fullmatch(expression, identifier)
        if match:
            return match.groupdict()
    raise ApiError(f"Import id {identifier!r} doesn't match any of the accepted formats: {', '.join(patterns)}")


def owned_labels(state: Object, answer: Mapping[str, Any]) -> Object:
    """The attributes of labels and annotations: the user's own, all, and Terraform's."""
    owned: Object = {}
    for kind in ("labels", "annotations"):
        if f"effective_{kind}" not in state:
            continue
        there = dict(answer.get(kind) or {})
        owned[f"effective_{kind}"] = there
        mine = state.get(kind)
        owned[kind] = {key: there[key] for key in mine if key in there} if isinstance(mine, dict) else None
        if kind == "labels":
            terraform = state.get("terraform_labels")
            keys = terraform if isinstance(terraform, dict) else there
            owned["terraform_labels"] = {key: there[key] for key in keys if key in there}
    return owned
