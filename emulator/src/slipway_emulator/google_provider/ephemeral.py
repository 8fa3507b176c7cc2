"""Ephemeral resources of Terraform's plugin protocol 6.7, which the generated code of the package `tf` does not know.

Requests and answers of all its calls have the same numbers for the same fields, so one message of each kind does.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tf.gen import tfplugin_pb2 as pb

from slipway_emulator.google_provider import values
from slipway_emulator.google_provider.configuration import Configuration
from slipway_emulator.google_provider.resource import ApiError, call
from slipway_emulator.google_provider.schema import Attribute, Block
from slipway_emulator.google_provider.values import Object

_TYPE = "google_secret_manager_secret_version"
# ephemeral_google_secret_manager_secret_version.go.
_BLOCK = Block(
    {
        "create_time": Attribute("string", computed=True),
        "destroy_time": Attribute("string", computed=True),
        "enabled": Attribute("bool", computed=True),
        "is_secret_data_base64": Attribute("bool", optional=True),
        "name": Attribute("string", computed=True),
        "project": Attribute("string", optional=True, computed=True),
        "secret": Attribute("string", required=True),
        "secret_data": Attribute("string", computed=True),
        "version": Attribute("string", optional=True),
    },
    {},
)
_PACKAGE, _PROTOCOL = "slipway.tfplugin6", pb.DESCRIPTOR.package
_SERVICE = f"{_PROTOCOL}.Provider"
_PRODUCT = "secret_manager"


def _messages() -> tuple[Any, Any, Any]:
    """The classes of a request, an answer, and the part of GetProviderSchema.Response that has the schemas."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="slipway/ephemeral.proto", package=_PACKAGE, syntax="proto3")
    file.dependency.append(pb.DESCRIPTOR.name)

    def add(message: Any, name: str, number: int, of: str, repeated: bool = False) -> None:
        added = message.field.add(name=name, number=number)
        added.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
        added.type = field.TYPE_MESSAGE if of else field.TYPE_STRING
        if of:
            added.type_name = of

    request = file.message_type.add(name="Request")
    add(request, "type_name", 1, "")
    add(request, "config", 2, f".{_PROTOCOL}.DynamicValue")
    response = file.message_type.add(name="Response")
    add(response, "diagnostics", 1, f".{_PROTOCOL}.Diagnostic", repeated=True)
    add(response, "result", 3, f".{_PROTOCOL}.DynamicValue")
    # An entry of a map, as it is written.
    entry = file.message_type.add(name="Entry")
    add(entry, "key", 1, "")
    add(entry, "value", 2, f".{_PROTOCOL}.Schema")
    schemas = file.message_type.add(name="Schemas")
    add(schemas, "ephemeral_resource_schemas", 8, f".{_PACKAGE}.Entry", repeated=True)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    found = [pool.FindMessageTypeByName(f"{_PACKAGE}.{name}") for name in ("Request", "Response", "Schemas")]
    request_class, response_class, schemas_class = map(message_factory.GetMessageClass, found)
    return request_class, response_class, schemas_class


_REQUEST, _RESPONSE, _SCHEMAS = _messages()


def add_schemas(response: Any) -> None:
    """Say in a GetProviderSchema.Response which ephemeral resources there are."""
    attributes = [
        pb.Schema.Attribute(
            name=name,
            type=f'"{attribute.type}"'.encode(),
            required=attribute.required,
            optional=attribute.optional,
            computed=attribute.computed,
            sensitive=name == "secret_data",
        )
        for name, attribute in _BLOCK.attributes.items()
    ]
    schemas = _SCHEMAS()
    entry = schemas.ephemeral_resource_schemas.add(key=_TYPE)
    entry.value.CopyFrom(pb.Schema(block=pb.Schema.Block(attributes=attributes)))
    response.MergeFromString(schemas.SerializeToString())


def serve(server: grpc.Server, configuration: Callable[[], Configuration | None]) -> None:
    """Answer the calls for ephemeral resources.

    Args:
        server: of the plugin.
        configuration: says the provider's, once there is one.
    """

    def validate(request: Any, _: Any) -> Any:
        return _RESPONSE(diagnostics=values.validate(_BLOCK, values.decode(request.config)))

    def open_resource(request: Any, _: Any) -> Any:
        try:
            return _RESPONSE(result=values.encode(_open(configuration(), values.decode(request.config))))
        except ApiError as error:
            return _RESPONSE(diagnostics=[values.diagnostic(str(error))])

    def close(_request: Any, _: Any) -> Any:
        return _RESPONSE()

    handlers = {
        f"{verb}EphemeralResource{ending}": grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=_REQUEST.FromString, response_serializer=_RESPONSE.SerializeToString
        )
        for verb, ending, answer in (
            ("Validate", "Config", validate),
            ("Open", "", open_resource),
            ("Close", "", close),
        )
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))


def _open(configuration: Configuration | None, config: Object) -> Object:
    """A version of a secret, with what it holds."""
    if configuration is None:
        raise ApiError("The provider is not configured")
    secret, project = config["secret"], config["project"] or configuration.project
    if "/" not in secret:
        secret = f"projects/{project}/secrets/{secret}"
    try:
        version = call(configuration, "GET", _PRODUCT, f"{secret}/versions/{config['version'] or 'latest'}")
    except ApiError as error:
        raise ApiError(f"Error retrieving secret version: {error}") from None
    try:
        data = call(configuration, "GET", _PRODUCT, f"{version['name']}:access")["payload"]["data"]
    except ApiError as error:
        raise ApiError(f"Error accessing secret data: {error}") from None
    return config | {
        "secret_data": data if config["is_secret_data_base64"] else base64.b64decode(data).decode(),
        "name": version["name"],
        "create_time": version["createTime"],
        "destroy_time": version.get("destroyTime"),
        "project": project,
        "enabled": True,
    }
