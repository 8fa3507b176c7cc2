"""What of Google's half needs no running cloud."""

from __future__ import annotations

import asyncio
import datetime
import json
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from slipway_emulator.google.api import Routes
from slipway_emulator.google.artifact_registry.clean_up import superfluous
from slipway_emulator.google.logging.api import Logging
from slipway_emulator.google.run.instances import Instances

REVISION = {
    "name": "projects/p/locations/l/services/s/revisions/s-1",
    "service": "projects/p/locations/l/services/s",
    "containers": [
        {"image": "app", "ports": [{"containerPort": 8000}], "resources": {"limits": {"cpu": "1", "memory": "1Mi"}}}
    ],
}


class SlowEngine:
    """Stands for a Docker Engine that takes its time to start a container."""

    def __init__(self) -> None:
        self.asked, self.may_go_on = threading.Event(), threading.Event()
        self.removed = False
        self.images = SimpleNamespace(pull=lambda *_, **__: None)
        self.containers = SimpleNamespace(create=self._create)

    def _create(self, *_: Any, **__: Any) -> Any:
        self.asked.set()
        self.may_go_on.wait(10)
        labels = {"run.googleapis.com/revision": REVISION["name"]}
        return SimpleNamespace(
            id="x",
            start=lambda: None,
            reload=lambda: None,
            attrs={},
            labels=labels,
            logs=lambda **_: b"",
            remove=self._remove,
        )

    def _remove(self, **_: Any) -> None:
        self.removed = True


def test_instance_that_nobody_waits_for_any_more_is_removed() -> None:
    """A thread cannot be stopped: the container that it is about to make must not outlive its service."""
    engine = SlowEngine()
    others: Any = SimpleNamespace(name="temu", forget_outside=lambda _container: None)
    networks: Any = SimpleNamespace(reached=lambda _revision: ("", {}))
    logs = Logging(Routes(), others)
    instances = Instances(engine, others, {}, "127.0.0.1:1", others, others, logs, others, networks)

    async def cancel() -> None:
        start = asyncio.create_task(instances.start(REVISION))
        await asyncio.to_thread(engine.asked.wait, 10)
        start.cancel()
        await asyncio.sleep(0)
        engine.may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await start
        assert engine.removed

    asyncio.run(cancel())


DELETE_ALL = {"id": "all", "action": "DELETE", "condition": {"tagState": "ANY"}}
KEEP_TWO = {"id": "two", "action": "KEEP", "mostRecentVersions": {"keepCount": 2}}


def version(day: int, *tags: str, parts: tuple[str, ...] = ()) -> dict[str, Any]:
    """An image that was pushed on a day of May, called by it."""
    content = json.dumps({"manifests": [{"digest": part} for part in parts]}).encode()
    uploaded = f"2026-05-{day:02d}T00:00:00.000000Z"
    return {"digest": f"sha256:{day}", "tags": list(tags), "uploaded": uploaded, "content": content}


@pytest.mark.parametrize(
    ("policies", "record", "deleted"),
    [
        ([DELETE_ALL, KEEP_TWO], {}, {1, 2}),
        # No tag can be taken off, and what has one stays.
        ([DELETE_ALL, KEEP_TWO], {"dockerConfig": {"immutableTags": True}}, {2}),
        ([DELETE_ALL, KEEP_TWO], {"cleanupPolicyDryRun": True}, set()),
        # What keeps deletes nothing.
        ([KEEP_TWO], {}, set()),
        ([{"id": "a", "action": "DELETE", "condition": {"tagState": "UNTAGGED"}}], {}, {2, 4}),
        ([{"id": "a", "action": "DELETE", "condition": {"tagPrefixes": ["v1"]}}], {}, {1}),
        ([{"id": "a", "action": "DELETE", "condition": {"olderThan": "172800s"}}], {}, {1, 2}),
        ([{"id": "a", "action": "DELETE", "condition": {"newerThan": "172800s"}}], {}, {4}),
        ([{"id": "a", "action": "DELETE", "condition": {"packageNamePrefixes": ["other"]}}], {}, set()),
        ([DELETE_ALL, KEEP_TWO | {"mostRecentVersions": {"keepCount": 2, "packageNamePrefixes": ["other"]}}], {},
         {1, 2, 3, 4}),
    ],
)  # fmt: skip
def test_what_clean_up_policies_delete(policies: list[Any], record: dict[str, Any], deleted: set[int]) -> None:
    versions = [version(2), version(1, "v1"), version(4), version(3, "v3")]
    record |= {"cleanupPolicies": {policy["id"]: policy for policy in policies}}
    found = superfluous("app", versions, record, datetime.datetime(2026, 5, 5, tzinfo=datetime.UTC))
    assert found == {f"sha256:{day}" for day in deleted}


def test_part_of_an_index_that_is_kept_is_kept() -> None:
    versions = [version(1), version(2), version(3, "v3", parts=("sha256:1",))]
    newest = KEEP_TWO | {"mostRecentVersions": {"keepCount": 1}}
    record = {"cleanupPolicies": {"all": DELETE_ALL, "two": newest}}
    assert superfluous("app", versions, record, datetime.datetime(2026, 5, 5, tzinfo=datetime.UTC)) == {"sha256:2"}
