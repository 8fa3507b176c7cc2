"""Pushes of one image: one after the other, so that all but the first find its layers in the registry."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible import constants
from ansible_collections.slipway.provision.plugins.plugin_utils import image_push


def test_one_app_at_a_time_pushes_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    order = []

    def push(app: str, tag: str) -> None:
        with image_push.turn(tag):
            order.append(app)

    with ThreadPoolExecutor() as pool:
        with image_push.turn("one"):
            waiting = pool.submit(push, "another app", "one")
            pool.submit(push, "an app with another image", "two").result(timeout=10)
            order.append("first app")
            assert not waiting.done()
        waiting.result(timeout=10)
    assert order == ["an app with another image", "first app", "another app"]
