# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of state_resources_info: attributes of resources do not leave it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.slipway.provision.plugins.action.state_objects_info import read_objects
from ansible_collections.slipway.provision.plugins.module_utils.state_store import Store, open_store
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.platforms import layer_names
from ansible_collections.slipway.provision.plugins.plugin_utils.state_resources import resources_of
from ansible_collections.slipway.provision.plugins.plugin_utils.terraform_files import declared_variables

Json = dict[str, Any]


def read_layers(store: Store, keys: dict[str, str], roots: dict[str, str]) -> list[Json]:
    """What layers consist of, without those that have no state.

    Args:
        store: the bucket of the states.
        keys: key of each layer's state, by layer.
        roots: folder of each layer's Terraform root, by layer.

    Raises:
        ActionError: a state is no JSON.
        StoreError: the bucket cannot be read.
    """
    states = read_objects(store, list(keys.values()))
    return [
        {
            "name": layer,
            "resources": [resource._asdict() for resource in resources_of(states[key])],
            "upstream": _upstream(Path(roots[layer])),
        }
        for layer, key in keys.items()
        if key in states
    ]


def _upstream(root: Path) -> list[str]:
    """Layers whose outputs a root takes: its variables `<layer>_<output>`, and the image, which is in the registry."""
    variables = declared_variables(root)
    prefixes = {name.partition("_")[0] for name in variables} | ({"registry"} if "image" in variables else set())
    return [layer for layer in layer_names(root.parents[1]) if layer in prefixes]


class ActionModule(AwsActionModule):
    """Reads the states."""

    PURPOSE = "read from the bucket of the states"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return what the layers consist of."""
        store = open_store(arguments["store"], arguments["bucket"], lambda: session.client("s3"))
        return {"changed": False, "layers": read_layers(store, arguments["keys"], arguments["roots"])}
