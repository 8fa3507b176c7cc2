"""How gunicorn serves the application; every value may be known from outside, none needs to be set."""

import gc
import logging
import os
import socket
import struct
import sys
from typing import Any

from gunicorn.glogging import Logger

from slipway_app.logging import JsonFormatter

wsgi_app = "slipway_app:create_app()"
bind = f"0.0.0.0:{os.environ.get('PORT') or 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# Threads, because sync workers drop running requests on SIGTERM and stall on a few half-open sockets.
worker_class = "gthread"
threads = int(os.environ.get("GUNICORN_THREADS") or 4)
# Longer than a load balancer keeps an idle connection (an ALB: 60 s), or it would meet a closed one.
keepalive = 65
timeout = 30
# Shorter than the 30 s after which ECS kills a task.
graceful_timeout = 25
# The application reads its code once, and its children share that memory; it connects only after the fork.
preload_app = True
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
control_socket_disable = True


class JsonLogger(Logger):
    """gunicorn's own lines as JSON on standard output; the line of each request is the application's."""

    def setup(self, cfg: Any) -> None:
        """Replace gunicorn's handler."""
        super().setup(cfg)
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonFormatter())
        self.error_log.handlers = [handler]


logger_class = JsonLogger


read_timeout_seconds = int(os.environ.get("GUNICORN_READ_TIMEOUT_SECONDS") or 10)
write_timeout_seconds = 30


def when_ready(server: Any) -> None:
    """Bound what clients can hold up, and what the garbage collector has to look at.

    A thread that waits for a client waits without end, and there are few of them. So a connection is accepted
    when its first bytes are there, and accepted sockets inherit the kernel's timeouts (man 7 tcp:
    TCP_DEFER_ACCEPT; man 7 socket: SO_RCVTIMEO, SO_SNDTIMEO). What was loaded before the fork stays, and is
    shared by the workers.
    """
    for listener in server.LISTENERS:
        options = listener.sock.setsockopt
        options(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, read_timeout_seconds)
        options(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", read_timeout_seconds, 0))
        options(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", write_timeout_seconds, 0))
    gc.collect()
    gc.freeze()
