"""Which versions of an image the clean-up policies of its repository delete ("Cleanup policy overview").

Artifact Registry looks within a day; here it is after each push.
"""

from __future__ import annotations

import datetime
import json
from typing import Any

from slipway_emulator.google.api import Json
from slipway_emulator.google.messages import duration_seconds


def superfluous(package: str, versions: list[Json], record: Json, moment: datetime.datetime) -> set[str]:
    """The digests of what is to be deleted.

    Args:
        package: the image's name in its repository.
        versions: all of its manifests: digest, tags, time of the upload, content.
        record: the repository.
        moment: now.
    """
    if record.get("cleanupPolicyDryRun"):
        return set()
    newest_first = sorted(versions, key=lambda version: str(version["uploaded"]), reverse=True)
    chosen: dict[str, set[str]] = {"DELETE": set(), "KEEP": set()}
    for policy in record.get("cleanupPolicies", {}).values():
        recent = policy.get("mostRecentVersions")
        if recent is None:
            found = [version for version in versions if _matches(policy["condition"], package, version, moment)]
        else:
            found = (
                newest_first[: recent.get("keepCount", 0)] if _begins(package, recent, "packageNamePrefixes") else []
            )
        chosen[policy["action"]] |= {version["digest"] for version in found}
    doomed = chosen["DELETE"] - chosen["KEEP"]
    if record.get("dockerConfig", {}).get("immutableTags"):
        # What has an immutable tag cannot be deleted, and the tag cannot be taken off.
        doomed -= {version["digest"] for version in versions if version["tags"]}
    staying = [version for version in versions if version["digest"] not in doomed]
    return doomed - {part for version in staying for part in _manifests_in(version["content"])}


def _matches(condition: Json, package: str, version: Json, moment: datetime.datetime) -> bool:
    age = (moment - datetime.datetime.fromisoformat(version["uploaded"])).total_seconds()
    prefixes = tuple(condition.get("tagPrefixes", []))
    return (
        {"TAGGED": bool(version["tags"]), "UNTAGGED": not version["tags"]}.get(condition.get("tagState", ""), True)
        and (not prefixes or any(tag.startswith(prefixes) for tag in version["tags"]))
        and _begins(version["digest"], condition, "versionNamePrefixes")
        and _begins(package, condition, "packageNamePrefixes")
        and ("olderThan" not in condition or age > duration_seconds(condition["olderThan"]))
        and ("newerThan" not in condition or age < duration_seconds(condition["newerThan"]))
    )


def _begins(name: str, policy: Json, field: str) -> bool:
    prefixes = tuple(policy.get(field, []))
    return not prefixes or name.startswith(prefixes)


def _manifests_in(content: bytes) -> list[Any]:
    """The digests of the manifests that an index holds."""
    return [part["digest"] for part in json.loads(content).get("manifests", [])]
