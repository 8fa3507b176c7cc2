"""Services of the AWS JSON protocol: requests checked by the API's own model, answers and errors in its shapes.

Source: botocore's service models, and "AWS JSON 1.0 protocol" and "AWS JSON 1.1 protocol" of the Smithy documentation.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator
from ministack import app as ministack
from ministack.core import iam_evaluator
from ministack.core.concurrency import run_reentrant
from ministack.core.responses import new_uuid

from slipway_emulator.endpoints import Receive, Scope, Send
from slipway_emulator.iam.decisions import authorize

Json = dict[str, Any]

# The largest number of each type ("Simple types" of the Smithy specification).
_LARGEST = {"integer": 2**31 - 1, "long": 2**63 - 1, "float": sys.float_info.max, "double": sys.float_info.max}


class ApiError(Exception):
    """An error of a service as its API reference names it.

    Args:
        code: the error's code.
        message: what it says.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class JsonService:
    """A service whose operations are its methods `_<Operation>`, which take and return the API's own shapes.

    Args:
        name: botocore's name of the service, which is the prefix of its actions.
        invalid: the service's error code for a request that does not fit the model.
    """

    def __init__(self, name: str, invalid: str) -> None:
        self._namespace = name
        self._invalid = invalid
        self._lock = threading.RLock()
        self._model = ServiceModel(Loader().load_service_model(name, "service-2"), name)
        self._target_prefix = f"{self._model.metadata['targetPrefix']}."
        self._content_type = f"application/x-amz-json-{self._model.metadata['jsonVersion']}"
        # The members of an error are named by its shape; services differ in the first letter.
        shapes = (self._model.shape_for(shape) for shape in self._model.shape_names)
        errors = [shape for shape in shapes if isinstance(shape, StructureShape) and shape.metadata.get("exception")]
        self._message_member = "Message" if any("Message" in shape.members for shape in errors) else "message"

    def call(self, operation: str, parameters: Json) -> Json:
        """Carry out one operation.

        Raises:
            ApiError: the request does not fit the API's model, or the operation fails.
        """
        handler = getattr(self, f"_{operation}", None)
        if handler is None or operation not in self._model.operation_names:
            raise ApiError("UnknownOperationException", f"Operation {operation} is not supported")
        shape = self._model.operation_model(operation).input_shape
        report = ParamValidator().validate(parameters, shape)
        if report.has_errors():
            raise ApiError(self._invalid, report.generate_report())
        problem = broken_constraints(parameters, shape)
        if problem:
            raise ApiError(self._invalid, problem)
        with self._lock:
            result: Json = handler(parameters)
        return result

    def _permission(self, operation: str) -> str:
        """The action of IAM that an operation needs, without its prefix."""
        return operation

    def matches(self, scope: Scope) -> bool:
        """Whether an HTTP request is for this service."""
        target = dict(scope["headers"]).get(b"x-amz-target", b"")
        return bool(target.startswith(self._target_prefix.encode()))

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        iam_evaluator.pin_signed_request("POST", scope["path"], {}, scope["headers"])
        try:
            body = await ministack._read_request_body(receive, "POST", headers)
        except (ministack._RequestBodyDisconnected, ministack._IncompleteRequestBody):
            return
        operation = headers["x-amz-target"].removeprefix(self._target_prefix)
        try:
            parameters = _object(body)
            refused = authorize(self._namespace, self._permission(operation), headers, parameters)
            if refused:
                await ministack._send_response(send, *refused)
                return
            status, answer = 200, await run_reentrant(self.call, operation, parameters)
        except RecursionError:
            # Too deep to be read, or to be quoted in a message.
            status, answer = 400, self._error("SerializationException", "the request body is nested too deeply")
        except ApiError as error:
            status, answer = 400, self._error(error.code, str(error))
        content = {"Content-Type": self._content_type, "x-amzn-RequestId": new_uuid()}
        await ministack._send_response(send, status, content, json.dumps(answer).encode())

    def _error(self, code: str, message: str) -> Json:
        return {"__type": code, self._message_member: message}


def _object(body: bytes) -> Json:
    """The object in a request's body; nothing stands for an empty one."""
    try:
        parameters = json.loads(body or b"{}", parse_constant=_refuse)
    except ValueError:
        # Not JSON, or not even UTF-8.
        raise ApiError("SerializationException", "the request body is not JSON") from None
    if not isinstance(parameters, dict):
        raise ApiError("SerializationException", "the request body is not a JSON object")
    return parameters


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"JSON knows no {constant}")


def broken_constraints(value: Json, shape: Shape) -> str:
    """What of a request breaks the model's constraints that botocore's validator leaves to the service.

    Args:
        value: the request, as the validator has passed it.
        shape: of the operation's input.

    Returns:
        What the service says, or nothing.
    """
    problems = list(_problems("", value, shape))
    if not problems:
        return ""
    return f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: {'; '.join(problems)}"


def _problems(where: str, value: Any, shape: Shape) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if name in value:
                place = name[0].lower() + name[1:]
                yield from _problems(f"{where}.{place}" if where else place, value[name], member)
    elif isinstance(shape, ListShape):
        for index, item in enumerate(value):
            yield from _problems(f"{where}.{index + 1}.member", item, shape.member)
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from _problems(f"{where} key", key, shape.key)
            yield from _problems(f"{where}.{key}", item, shape.value)
    else:
        broken = _broken_constraint(value, shape)
        if broken:
            yield f"Value '{value}' at '{where}' failed to satisfy constraint: Member must {broken}"


def _broken_constraint(value: Any, shape: Shape) -> str | None:
    limits = shape.metadata
    if limits.get("enum") and value not in limits["enum"]:
        return f"satisfy enum value set: [{', '.join(limits['enum'])}]"
    if shape.type_name == "string":
        if len(value) > limits.get("max", len(value)):
            return f"have length less than or equal to {limits['max']}"
        if limits.get("pattern") and not re.fullmatch(_python(limits["pattern"]), value, re.DOTALL):
            return f"satisfy regular expression pattern: {limits['pattern']}"
    elif shape.type_name in _LARGEST:
        # A boolean is a number to Python, and to nobody else.
        if isinstance(value, bool) or not abs(value) <= _LARGEST[shape.type_name]:
            return f"be a number of the type {shape.type_name}"
        if value > limits.get("max", value):
            return f"have value less than or equal to {limits['max']}"
    return None


def _python(pattern: str) -> str:
    # The models' patterns are Java's, which writes a character beyond 16 bits as two and names classes otherwise.
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    pattern = pattern.replace(r"\p{Print}", "[ -~]")
    # A flag may stand anywhere in Java, and counts from there on; the letters before it are none of the models'.
    return f"(?i){pattern.replace('(?i)', '')}" if "(?i)" in pattern else pattern


def page(name: str, records: list[Json], request: Json, size: int, invalid: str) -> Json:
    """One page of a listing.

    Args:
        name: the member that holds the records.
        records: all of them.
        request: with `NextToken`, the index of the next record, and `MaxResults`, or neither.
        size: records of a page where the request does not say.
        invalid: the error code of a token that is none.

    Raises:
        ApiError: the token is none that was given out.
    """
    token, size = request.get("NextToken") or "0", request.get("MaxResults", size)
    if not re.fullmatch("[0-9]{1,9}", token):
        raise ApiError(invalid, "The next token supplied was invalid")
    start = int(token)
    answer: Json = {name: records[start : start + size]}
    if start + size < len(records):
        answer["NextToken"] = str(start + size)
    return answer
