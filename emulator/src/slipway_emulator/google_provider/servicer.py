"""Terraform's plugin protocol 6, answered from a schema and from the resources that this provider makes."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

from tf.gen import tfplugin_pb2 as pb
from tf.gen.tfplugin_pb2_grpc import ProviderServicer

from slipway_emulator.google_provider import ephemeral, values
from slipway_emulator.google_provider.configuration import Configuration, ConfigurationError, completed
from slipway_emulator.google_provider.resource import ApiError, Resource
from slipway_emulator.google_provider.schema import Block, StoredSchema, is_write_only

_LOG = logging.getLogger(__name__)


class Servicer(ProviderServicer):
    """The provider.

    Args:
        schema: what it has.
        resources: what it makes, by the name of the type.
    """

    def __init__(self, schema: StoredSchema, resources: dict[str, Resource]) -> None:
        self._schema = schema
        self._resources = resources
        self._configuration: Configuration | None = None
        ephemeral.add_schemas(schema.response)

    @property
    def configuration(self) -> Configuration | None:
        """The provider's configuration, once Terraform has said it."""
        return self._configuration

    def GetMetadata(self, request: Any, context: Any) -> Any:
        response = pb.GetMetadata.Response(server_capabilities=_CAPABILITIES)
        for name in self._schema.response.resource_schemas:
            response.resources.add(type_name=name)
        for name in self._schema.response.data_source_schemas:
            response.data_sources.add(type_name=name)
        return response

    def GetProviderSchema(self, request: Any, context: Any) -> Any:
        self._schema.response.server_capabilities.CopyFrom(_CAPABILITIES)
        for name, resource in self._resources.items():
            for attribute in self._schema.response.resource_schemas[name].block.attributes:
                attribute.sensitive = attribute.name in resource.sensitive
        return self._schema.response

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:
        problems = values.validate(completed(self._schema.provider()), values.decode(request.config))
        return pb.ValidateProviderConfig.Response(diagnostics=problems)

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:
        def problems() -> Iterable[Any]:
            config = values.decode(request.config)
            yield from values.validate(self._block(request.type_name), config)
            if request.type_name in self._resources:
                yield from self._resources[request.type_name].validate(config)

        return pb.ValidateResourceConfig.Response(diagnostics=problems())

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:
        problems = values.validate(self._schema.data_source(request.type_name), values.decode(request.config))
        return pb.ValidateDataResourceConfig.Response(diagnostics=problems)

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:
        state = json.loads(request.raw_state.json)
        upgraded = values.conform(state, self._block(request.type_name).type())
        return pb.UpgradeResourceState.Response(upgraded_state=values.encode(upgraded))

    def ConfigureProvider(self, request: Any, context: Any) -> Any:
        try:
            self._configuration = Configuration.of(self._schema.provider(), values.decode(request.config))
        except ConfigurationError as error:
            return pb.ConfigureProvider.Response(diagnostics=[values.diagnostic(str(error))])
        return pb.ConfigureProvider.Response()

    def PlanResourceChange(self, request: Any, context: Any) -> Any:
        prior, proposed = values.decode(request.prior_state), values.decode(request.proposed_new_state)
        if proposed is None:
            return pb.PlanResourceChange.Response(planned_state=values.encode(None))
        block = self._block(request.type_name)
        planned = values.plan(block, values.decode(request.config), proposed, prior)
        replaced: list[str] = []
        if request.type_name in self._resources and self._configuration:
            resource = self._resources[request.type_name]
            planned = resource.complete_plan(self._configuration, planned, prior)
            if values.decode(request.config).get("deletion_policy") is None:
                # What was there before counts for nothing (tpgresource.GetDeletionPolicyFromDiff).
                planned = self._with_policy(planned, {})
            if prior is not None:
                replaced = resource.replaced(prior, planned)
        if replaced and prior is not None:
            # A new one has new results; Terraform asks once more, as for one to be made.
            for name, attribute in block.attributes.items():
                if attribute.computed and not attribute.optional:
                    planned[name] = values.UNKNOWN
        return pb.PlanResourceChange.Response(
            planned_state=values.encode(planned),
            requires_replace=[
                pb.AttributePath(steps=[pb.AttributePath.Step(attribute_name=name)]) for name in replaced
            ],
            planned_private=request.prior_private,
            # As terraform-plugin-sdk, with which nearly all of the real provider is written.
            legacy_type_system=True,
        )

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:
        prior, planned = values.decode(request.prior_state), values.decode(request.planned_state)
        state, problems = prior, []
        try:
            resource, configuration = self._made(request.type_name)
            if planned is None:
                if _may_delete(request.type_name, prior):
                    resource.delete(configuration, prior)
                state = None
            else:
                config = values.decode(request.config)
                wanted = planned | {name: value for name, value in config.items() if is_write_only(name)}
                if prior is None:
                    made = resource.create(configuration, wanted)
                else:
                    made = resource.update(configuration, prior, wanted)
                unwritten = {name: None for name in made if is_write_only(name)}
                state = self._with_policy(made | unwritten, planned)
        except ApiError as error:
            state = prior if error.state is None else self._with_policy(error.state, planned or prior)
            problems = [values.diagnostic(str(error))]
        return pb.ApplyResourceChange.Response(
            new_state=values.encode(state),
            private=request.planned_private,
            diagnostics=problems,
            legacy_type_system=True,
        )

    def ReadResource(self, request: Any, context: Any) -> Any:
        return self._answer(
            lambda: pb.ReadResource.Response(
                new_state=values.encode(self._read(request.type_name, values.decode(request.current_state))),
                private=request.private,
            ),
            pb.ReadResource.Response,
        )

    def _read(self, type_name: str, state: values.Object) -> values.Object | None:
        resource, configuration = self._made(type_name)
        found = resource.read(configuration, state)
        return None if found is None else self._with_policy(found, state)

    def _with_policy(self, state: values.Object, before: values.Object) -> values.Object:
        """A state with the deletion policy that it had before, or the default one: no API knows it."""
        if "deletion_policy" in state and self._configuration:
            state["deletion_policy"] = before.get("deletion_policy") or self._configuration.deletion_policy
        return state

    def ImportResourceState(self, request: Any, context: Any) -> Any:
        def imported() -> Any:
            resource, configuration = self._made(request.type_name)
            state = values.encode(resource.import_state(configuration, request.id))
            response = pb.ImportResourceState.Response()
            response.imported_resources.add(type_name=request.type_name, state=state)
            return response

        return self._answer(imported, pb.ImportResourceState.Response)

    def MoveResourceState(self, request: Any, context: Any) -> Any:
        text = f"{request.source_type_name} cannot be moved to {request.target_type_name}"
        return pb.MoveResourceState.Response(diagnostics=[values.diagnostic(text)])

    def ReadDataSource(self, request: Any, context: Any) -> Any:
        text = f"The stand-in for the google provider does not read {request.type_name}"
        return pb.ReadDataSource.Response(diagnostics=[values.diagnostic(text, _HELP)])

    def GetFunctions(self, request: Any, context: Any) -> Any:
        return pb.GetFunctions.Response()

    def StopProvider(self, request: Any, context: Any) -> Any:
        return pb.StopProvider.Response()

    def _block(self, type_name: str) -> Block:
        resource = self._resources.get(type_name)
        return resource.block if resource else self._schema.resource(type_name)

    def _made(self, type_name: str) -> tuple[Resource, Configuration]:
        if type_name not in self._resources:
            raise ApiError(f"The stand-in for the google provider does not make {type_name}. {_HELP}")
        if self._configuration is None:
            raise ApiError("The provider is not configured")
        return self._resources[type_name], self._configuration

    @staticmethod
    def _answer(answer: Callable[[], Any], response: Callable[..., Any]) -> Any:
        try:
            return answer()
        except ApiError as error:
            return response(diagnostics=[values.diagnostic(str(error))])


def _may_delete(type_name: str, state: values.Object) -> bool:
    """Whether the deletion policy has a resource deleted; otherwise only the state forgets it.

    Raises:
        ApiError: it has it kept in both (tpgresource.DeletionPolicyPreDelete).
    """
    if state.get("deletion_policy") == "PREVENT":
        raise ApiError(
            f'cannot destroy {type_name} without setting deletion_policy="DELETE" and running `terraform apply`'
        )
    return state.get("deletion_policy") != "ABANDON"


_CAPABILITIES = pb.ServerCapabilities(get_provider_schema_optional=True)
_HELP = "It knows the whole schema, and makes only what Slipway's own layers need: see docs/google-provider.md."
