"""Google's half of the emulator by itself, in this process: its APIs, where no test needs a container."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from hypercorn.asyncio import serve
from hypercorn.config import Config

from slipway_emulator.application import configure_ministack
from slipway_emulator.endpoints import Receive, Scope, Send
from slipway_emulator.settings import Settings


@contextmanager
def google_alone(directory: Path, **settings: Any) -> Iterator[Settings]:
    """Run it, and stop it.

    Args:
        directory: for its files.
        settings: those of the emulator that are not the defaults.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        chosen = Settings(directory, directory / "authority", google_port=listener.getsockname()[1], **settings)
        network: Any = type("Network", (), {"name": "none", "gateway": "127.0.0.1"})()
        configure_ministack(chosen, network)
        from slipway_emulator.google.cloud import GoogleCloud

        # No engine is asked until a container starts.
        google = GoogleCloud(chosen, docker.DockerClient(), network)
        config = Config()
        config.bind = [f"fd://{listener.detach()}"]
    loop, stopped = asyncio.new_event_loop(), asyncio.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await google.handle(scope, receive, send)

    async def run() -> None:
        await serve(application, config, shutdown_trigger=stopped.wait)

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        yield chosen
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()
        google.stop()
