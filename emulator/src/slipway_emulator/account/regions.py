"""Regions that an account has to enable before they know its credentials.

"AWS Regions introduced after March 20, 2019 are disabled by default" ("Enable or disable AWS Regions in your account",
AWS Account Management reference guide). Until then each request there is answered as one with an unknown key.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.core.iam_evaluator import AuthError
from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import account

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, dict[str, str], bytes]


class Regions:
    """The regions that somebody has enabled, by account; at AWS it takes minutes, here none."""

    def __init__(self) -> None:
        self._enabled: set[tuple[str, str]] = set()

    def status(self, region: str) -> str:
        """The opt-in status of a region in the account of the request; `""` where there is no such region."""
        if region not in account._REGIONS_LIST:
            return ""
        if region not in account._OPT_IN_REQUIRED:
            return "ENABLED_BY_DEFAULT"
        return "ENABLED" if (get_account_id(), region) in self._enabled else "DISABLED"

    def set_enabled(self, region: str, enabled: bool) -> None:
        """Enable or disable a region in the account of the request."""
        change = self._enabled.add if enabled else self._enabled.discard
        change((get_account_id(), region))


def authenticate(original: Function, parts: Parts) -> Function:
    def authenticate(access_key_id: str, account_id: str) -> Any:
        if access_key_id and parts.regions.status(get_region()) == "DISABLED":
            return AuthError("UnrecognizedClientException", "The security token included in the request is invalid.")
        return original(access_key_id, account_id)

    return authenticate


def list_regions(_: Function, parts: Parts) -> Function:
    def list_regions(payload: Json) -> Response:
        wanted = payload.get("RegionOptStatusContains") or []
        found = [{"RegionName": one, "RegionOptStatus": parts.regions.status(one)} for one in account._REGIONS_LIST]
        return _answer({"Regions": [one for one in found if not wanted or one["RegionOptStatus"] in wanted]})

    return list_regions


def opt_status(original: Function, parts: Parts) -> Function:
    def opt_status(payload: Json) -> Response:
        region = str(payload.get("RegionName", ""))
        if status := parts.regions.status(region):
            return _answer({"RegionName": region, "RegionOptStatus": status})
        refused: Response = original(payload)
        return refused

    return opt_status


def enabling(parts: Parts, enabled: bool) -> Callable[[Json], Response]:
    """The operation EnableRegion, or DisableRegion.

    Args:
        parts: of the emulator.
        enabled: which of the two.
    """

    def change(payload: Json) -> Response:
        region = str(payload.get("RegionName", ""))
        if parts.regions.status(region) not in ("ENABLED", "DISABLED"):
            text = f"The region {region} cannot be enabled or disabled."
            refused: Response = error_response_json("ValidationException", text, 400)
            return refused
        parts.regions.set_enabled(region, enabled)
        return 200, {"Content-Type": "application/json"}, b""

    return change


def _answer(content: Json) -> Response:
    return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()
