"""What of Google's half needs no running cloud."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

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
        return SimpleNamespace(id="x", start=lambda: None, reload=lambda: None, attrs={}, remove=self._remove)

    def _remove(self, **_: Any) -> None:
        self.removed = True


def test_instance_that_nobody_waits_for_any_more_is_removed() -> None:
    """A thread cannot be stopped: the container that it is about to make must not outlive its service."""
    engine = SlowEngine()
    others: Any = SimpleNamespace(name="temu")
    instances = Instances(engine, others, {}, "127.0.0.1:1", others, others)

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
