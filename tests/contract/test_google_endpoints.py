"""The addresses by which `dev` leads Terraform's google provider to the emulator."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from slipway_emulator.google.cloud import _APIS
from slipway_emulator.google_provider.configuration import _PRODUCTS

CLOUD = Path(__file__).resolve().parents[2] / "inventories/dev/group_vars/gcp/cloud.yml"
# Google's client libraries, which put the version of the API before each path themselves.
OF_CLIENT_LIBRARIES = {
    "DNS": "dns/v1",
    "IAM_BETA": "v1",
    "RESOURCE_MANAGER": "v1",
    "SERVICE_NETWORKING": "v1",
    "SERVICE_USAGE": "v1",
    "SQL": "sql/v1beta4",
}


def endpoints() -> dict[str, str]:
    """Addresses by product."""
    environment = yaml.safe_load(CLOUD.read_text())["slipway_cloud_environment"]
    found = {name: re.fullmatch(r"GOOGLE_(\w+)_CUSTOM_ENDPOINT", name) for name in environment}
    return {match[1]: environment[name] for name, match in found.items() if match}


def test_every_api_that_the_layers_need_has_one() -> None:
    assert {product.upper() for product in _PRODUCTS} <= endpoints().keys()
    assert [address for address in endpoints().values() if not address.startswith("http://127.0.0.1:4567")] == []


def test_each_is_an_api_of_the_emulator() -> None:
    assert {address.removeprefix("http://127.0.0.1:4567") for address in endpoints().values()} <= set(_APIS)


def test_client_libraries_ask_at_the_same_paths() -> None:
    """The provider takes the version off for them (hashicorp/google v7.45.0, `RemoveBasePathVersion`)."""
    for product, version in OF_CLIENT_LIBRARIES.items():
        without = endpoints()[product]
        # Of some, as often as the library puts parts there (`NewClient` of each service).
        for _ in version.split("/"):
            without = re.sub(r"(https?://.*)(/[^/]+?/$)", r"\1/", without)
        assert f"{without}{version}/" == endpoints()[product]
