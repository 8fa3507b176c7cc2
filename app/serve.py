"""Serves a WSGI application: python3 serve.py [--preload] [--access-log] module:callable.

waitress reads requests whole and sends answers to slow clients in a loop that waits for nobody: a client
holds a connection, never a thread. This file adds processes, and a stop that finishes what clients have
asked for. images/python/Dockerfile has the same lines; tests/contract/test_server.py says how they get there.
"""

import argparse
import gc
import importlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import WSGITask

KIB = 1024
PORT = int(os.environ.get("PORT") or 8000)
PROCESSES = int(os.environ.get("WEB_CONCURRENCY") or 2)
READ_TIMEOUT_SECONDS = int(os.environ.get("SERVER_READ_TIMEOUT_SECONDS") or 10)
# Shorter than the 30 s after which ECS kills a task.
STOP_SECONDS = 25
# How long a kept connection outlives the stop: a client may be sending on it.
LINGER_SECONDS = 2
STOPS = (signal.SIGTERM, signal.SIGINT)
CANNOT_LOAD = 3
THREADS = int(os.environ.get("SERVER_THREADS") or 4)
# Where answers take long, such as streams that stay open.
MAX_THREADS = 256
# Set where all requests come from a load balancer, as gunicorn and uvicorn read it, too: redirects go to
# https, and the client's address is that of the client.
IS_BEHIND_PROXY = os.environ.get("FORWARDED_ALLOW_IPS") == "*"
TRUSTED = {"trusted_proxy": "*", "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"}}
ADJUSTMENTS = Adjustments(
    threads=THREADS,
    # Longer than a load balancer keeps an idle connection (an ALB: 60 s), or it would meet a closed one.
    channel_timeout=int(os.environ.get("SERVER_KEEP_ALIVE_SECONDS") or 65),
    cleanup_interval=1,
    connection_limit=1000,
    asyncore_use_poll=True,
    # What is longer waits in /tmp, so that all connections together fit into the memory of a task.
    inbuf_overflow=64 * KIB,
    outbuf_overflow=128 * KIB,
    # An answer of up to this size waits for its client without a thread.
    outbuf_high_watermark=32 * KIB * KIB,
    max_request_body_size=int(os.environ.get("SERVER_MAX_BODY_MIB") or 64) * KIB * KIB,
    # Other X-Forwarded-* reach the application, which decides whom it believes.
    **(TRUSTED if IS_BEHIND_PROXY else {}),
    clear_untrusted_proxy_headers=False,
    ident=None,
)

log = logging.getLogger("waitress")


class Task(WSGITask):
    """A request and its answer."""

    def start(self) -> None:
        """Have a stopping server tell its client that this answer is the last on the connection."""
        super().start()
        if self.channel.server.stopped_at:
            self.set_close_on_finish()

    def finish(self) -> None:
        """Write the line of the access log, in the combined format."""
        super().finish()
        self.channel.server.finished += 1
        if self.channel.server.access_log:
            request = self.request
            moment = time.strftime("%d/%b/%Y:%H:%M:%S %z")
            what = f"{request.command} {request.request_uri} HTTP/{request.version}"
            client = [request.headers.get(name, "-") for name in ("REFERER", "USER_AGENT")]
            quoted = [text.replace('"', "%22") for text in (what, *client)]
            line = '{} - - [{}] "{}" {} {} "{}" "{}"\n'.format(
                self.channel.addr[0],
                moment,
                quoted[0],
                self.status[:3],
                self.content_bytes_written,
                *quoted[1:],
            )
            os.write(1, line.encode(errors="replace"))


class Channel(HTTPChannel):
    """The connection of a client."""

    task_class = Task


class Server(TcpWSGIServer):
    """One process of the server."""

    channel_class = Channel

    def __init__(self, application: Callable[..., Any], listener: socket.socket, access_log: bool) -> None:
        self.access_log = access_log
        self.stopped_at = 0.0
        self.finished = self.finished_before = 0
        address = (listener.family, listener.type, listener.proto, listener.getsockname())
        super().__init__(application, _sock=listener, bind_socket=False, adj=ADJUSTMENTS, sockinfo=address)

    def maintenance(self, now: float) -> None:
        """Close connections whose clients are silent in the middle of a request, or that a stop ends.

        Where all threads have been busy for a second without an answer that ended, start more.
        """
        super().maintenance(now)
        dispatcher = self.task_dispatcher
        if (
            self.finished == self.finished_before
            and dispatcher.active_count == len(dispatcher.threads) < MAX_THREADS
        ):
            wanted = len(dispatcher.threads) + len(dispatcher.queue) + THREADS
            dispatcher.set_thread_count(min(wanted, MAX_THREADS))
        self.finished_before = self.finished
        for channel in self.active_channels.values():
            if channel.requests or channel.total_outbufs_len:
                continue
            stalled = channel.request and now - channel.last_activity > READ_TIMEOUT_SECONDS
            unused = self.stopped_at and not channel.request and now - self.stopped_at > LINGER_SECONDS
            if stalled or unused:
                channel.will_close = True

    def stop(self, *_: object) -> None:
        """Take no more connections, and leave ``serve`` when those that there are have ended."""
        self.stopped_at = self.stopped_at or time.time()
        self.pull_trigger()

    def serve(self) -> None:
        """Serve until a stop."""
        parent = os.getppid()
        while not self.stopped_at:
            wasyncore.loop(1, True, self._map, 1)
            if os.getppid() != parent:
                self.stop()
        # Clients whose connections wait in the queue of the socket take them for accepted.
        served = -1
        while served < len(self.active_channels) < ADJUSTMENTS.connection_limit:
            served = len(self.active_channels)
            self.handle_accept()
        wasyncore.dispatcher.close(self)
        while self.active_channels and time.time() < self.stopped_at + STOP_SECONDS:
            wasyncore.loop(0.1, True, self._map, 1)
            self.maintenance(time.time())


def load(name: str) -> Callable[..., Any]:
    """Return the WSGI callable that ``app:app`` names, or that ``app:create_app()`` returns."""
    module, _, attribute = name.partition(":")
    if not module or not attribute.removesuffix("()").isidentifier():
        sys.exit(f"{name!r} names no WSGI callable: write module:callable or module:factory()")
    found: Callable[..., Any] = getattr(importlib.import_module(module), attribute.removesuffix("()"))
    return found() if attribute.endswith("()") else found


def log_to_stdout() -> None:
    """Write the lines of the server plainly, unless the application has a log of its own."""
    if not logging.getLogger().handlers:
        log.addHandler(logging.StreamHandler(sys.stdout))
        log.propagate = False
    log.setLevel(logging.INFO)
    # A busy server has a queue: nothing to warn of with each request.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def run_process(
    name: str, preloaded: Callable[..., Any] | None, listener: socket.socket, access_log: bool
) -> None:
    """Be one of the processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    try:
        application = preloaded or load(name)
    except BaseException:
        log.exception("%s cannot be loaded", name)
        sys.exit(CANNOT_LOAD)
    server = Server(application, listener, access_log)
    signal.signal(signal.SIGTERM, server.stop)
    server.serve()
    sys.exit()


def main() -> int:
    """Keep the processes running until SIGTERM; return 0, or 3 when the application cannot be loaded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("application", help="module:callable, or module:factory()")
    parser.add_argument("--access-log", action="store_true", help="write a line for each request")
    parser.add_argument(
        "--preload", action="store_true", help="load the application once, before the processes fork"
    )
    arguments = parser.parse_args()
    sys.path.insert(0, os.getcwd())
    listener = socket.create_server(("0.0.0.0", PORT), backlog=ADJUSTMENTS.backlog)
    listener.setblocking(False)
    preloaded = load(arguments.application) if arguments.preload else None
    # What was loaded before the fork stays, and is shared by the processes.
    gc.collect()
    gc.freeze()
    log_to_stdout()
    log.info("Listening at: http://0.0.0.0:%s", PORT)

    children: set[int] = set()
    status = 0
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        for child in children:
            os.kill(child, signal.SIGTERM)

    for number in STOPS:
        signal.signal(number, stop)
    while True:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        while len(children) < PROCESSES and not stopping:
            child = os.fork()
            if not child:
                run_process(arguments.application, preloaded, listener, arguments.access_log)
            children.add(child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        if not children:
            return status
        ended, how = os.wait()
        children.discard(ended)
        if os.waitstatus_to_exitcode(how) == CANNOT_LOAD:
            status = CANNOT_LOAD
            os.kill(os.getpid(), signal.SIGTERM)
        elif not stopping:
            log.error("process %s ended with %s", ended, os.waitstatus_to_exitcode(how))


if __name__ == "__main__":
    sys.exit(main())
