"""The AWS Query protocol of a service whose operations are methods: parameters in, XML out, by the service's model.

Source of the protocol: "AWS Query protocol" in the Smithy specification, and the service models of botocore.
"""

from __future__ import annotations

import datetime
import logging
import re
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator
from ministack.core.responses import new_uuid

from slipway_emulator.protocols.json import ApiError, broken_constraints

_logger = logging.getLogger(__name__)

# What XML has no way to write ("Characters" of XML 1.0).
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]


class QueryService:
    """A service whose operations are methods `_<Operation>`, which take and return the API's own shapes.

    Args:
        name: botocore's name of the service.
    """

    def __init__(self, name: str) -> None:
        self._model = ServiceModel(Loader().load_service_model(name, "service-2"), name)

    def answer(self, body: bytes) -> Response:
        """Carry out the request in a form body."""
        parameters = dict(parse_qsl(body.decode("utf-8", errors="replace"), keep_blank_values=True))
        operation = parameters.pop("Action", "")
        try:
            result = self._call(operation, parameters)
        except ApiError as error:
            return self._error(400, error.code, str(error))
        except Exception:
            _logger.exception("%s", operation)
            return self._error(500, "InternalFailure", "An internal error has occurred")
        shape = self._model.operation_model(operation).output_shape
        content = ""
        if shape is not None:
            wrapper = shape.serialization.get("resultWrapper", f"{operation}Result")
            content = f"<{wrapper}>{_members(shape, result)}</{wrapper}>"
        identifier = f"<ResponseMetadata><RequestId>{new_uuid()}</RequestId></ResponseMetadata>"
        return self._document(200, f"{operation}Response", content + identifier)

    def _call(self, operation: str, parameters: dict[str, str]) -> Json:
        if not operation:
            raise ApiError("MissingAction", "The request is missing an action")
        handler = getattr(self, f"_{operation}", None)
        if operation not in self._model.operation_names:
            raise ApiError(
                "InvalidAction", f"Could not find operation {operation} for version {self._model.api_version}"
            )
        if handler is None:
            raise ApiError("InvalidAction", f"The rehearsal does not know the operation {operation}")
        result: Json | None = handler(checked(self._model, operation, parameters))
        return result or {}

    def _error(self, status: int, code: str, message: str) -> Response:
        sender = "Sender" if status < 500 else "Receiver"
        content = f"<Error><Type>{sender}</Type><Code>{code}</Code><Message>{_text(message)}</Message></Error>"
        return self._document(status, "ErrorResponse", f"{content}<RequestId>{new_uuid()}</RequestId>")

    def _document(self, status: int, name: str, content: str) -> Response:
        namespace = self._model.metadata["xmlNamespace"]
        return status, {"Content-Type": "text/xml"}, f'<{name} xmlns="{namespace}">{content}</{name}>'.encode()


def checked(model: ServiceModel, operation: str, parameters: dict[str, str]) -> Json:
    """A request as the service's model has it.

    Args:
        model: of the service.
        operation: its name.
        parameters: flat ones; those that the operation does not have are left out.

    Raises:
        ApiError: it does not fit the model.
    """
    shape = model.operation_model(operation).input_shape
    if shape is None:
        return {}
    request: Json = _parse(shape, parameters, "") or {}
    problems = ParamValidator().validate(request, shape)
    if problems.has_errors():
        raise ApiError("ValidationError", f"1 validation error detected: {problems.generate_report()}")
    problem = broken_constraints(request, shape)
    if problem:
        raise ApiError("ValidationError", problem)
    return request


def _parse(shape: Shape, parameters: dict[str, str], prefix: str) -> Any:
    """The value of a shape in flat parameters; None where there is none."""
    if isinstance(shape, StructureShape):
        found = {}
        for name, member in shape.members.items():
            value = _parse(member, parameters, f"{prefix}.{name}" if prefix else name)
            if value is not None:
                found[name] = value
        return found or None
    if isinstance(shape, ListShape):
        items: list[Any] = []
        while (item := _parse(shape.member, parameters, f"{prefix}.member.{len(items) + 1}")) is not None:
            items.append(item)
        # An empty list is sent as an empty value.
        return items or ([] if prefix in parameters else None)
    text = parameters.get(prefix)
    return None if text is None else _scalar(shape, text, prefix)


def _scalar(shape: Shape, text: str, name: str) -> Any:
    try:
        if shape.type_name in ("integer", "long"):
            return int(text)
        if shape.type_name in ("float", "double"):
            return float(text)
        if shape.type_name == "boolean":
            return {"true": True, "false": False}[text.lower()]
    except (KeyError, ValueError):
        raise ApiError("MalformedInput", f"{name}: '{text}' is no {shape.type_name}") from None
    return text


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _members(shape: StructureShape, value: Json) -> str:
    return "".join(
        _xml(member, name, value[name]) for name, member in shape.members.items() if value.get(name) is not None
    )


def _xml(shape: Shape, name: str, value: Any) -> str:
    if isinstance(shape, StructureShape):
        content = _members(shape, value)
    elif isinstance(shape, ListShape):
        content = "".join(_xml(shape.member, "member", item) for item in value)
    elif shape.type_name == "boolean":
        content = str(value).lower()
    elif shape.type_name == "timestamp":
        content = datetime.datetime.fromtimestamp(value, datetime.UTC).isoformat(timespec="milliseconds")
        content = content.replace("+00:00", "Z")
    else:
        content = _text(str(value))
    return f"<{name}>{content}</{name}>"
