"""Launch templates, as what launches by them finds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.core.iam_evaluator import caller_arn
from ministack.core.responses import get_account_id
from ministack.services import ec2

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Function = Callable[..., Any]
Json = dict[str, Any]
Response = tuple[int, dict[str, Any], bytes]

_CREATOR = "CreatedBy"


class TemplateError(Exception):
    """A launch template, or the version of one, does not exist."""


def resolve_template(specification: Json) -> tuple[Json, Json]:
    """What a launch template specification stands for now.

    Args:
        specification: `LaunchTemplateId` or `LaunchTemplateName`, and `Version`.

    Returns:
        The launch template data, and the specification with id, name and version number.

    Raises:
        TemplateError: there is no such template or version.
    """
    identifier, name = specification.get("LaunchTemplateId"), specification.get("LaunchTemplateName")
    for template in ec2._launch_templates.values():
        if identifier == template["LaunchTemplateId"] or (not identifier and name == template["LaunchTemplateName"]):
            wanted = specification.get("Version") or "$Default"
            numbers = {"$Default": template["DefaultVersionNumber"], "$Latest": template["LatestVersionNumber"]}
            for version in template["Versions"]:
                if str(version["VersionNumber"]) == str(numbers.get(wanted, wanted)):
                    return version["LaunchTemplateData"], {
                        "LaunchTemplateId": template["LaunchTemplateId"],
                        "LaunchTemplateName": template["LaunchTemplateName"],
                        "Version": str(version["VersionNumber"]),
                    }
            raise TemplateError(
                f"Could not find launch template version {wanted} for launch template {template['LaunchTemplateId']}."
            )
    what = f"template ID {identifier}" if identifier else f"template name {name}"
    raise TemplateError(f"The specified launch template, with {what}, does not exist.")


def creation(original: Function, _: Parts) -> Function:
    """CreateLaunchTemplate and CreateLaunchTemplateVersion, which keep who makes the version."""

    def create(p: Json) -> Response:
        status, headers, body = original(p)
        for template in ec2._launch_templates.values():
            for version in template["Versions"]:
                version.setdefault(_CREATOR, caller_arn())
        return status, headers, body.replace(_root().encode(), caller_arn().encode())

    return create


def version_xml(original: Function, _: Parts) -> Function:
    def version_xml(ver: Json) -> str:
        return str(original(ver)).replace(_root(), ver.get(_CREATOR, _root()), 1)

    return version_xml


def _root() -> str:
    """Who has made every version, as MiniStack has it."""
    return f"arn:aws:iam::{get_account_id()}:root"
