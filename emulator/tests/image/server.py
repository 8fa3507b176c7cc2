"""A web server that behaves as its environment says: BEHAVIOUR is healthy, unhealthy or crash.

It tells its VERSION at every path. STUBBORN makes it ignore SIGTERM.
"""

import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BEHAVIOUR = os.environ.get("BEHAVIOUR", "healthy")
VERSION = os.environ.get("VERSION", "1")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = VERSION.encode()
        if self.path == "/":
            # Long enough that some request is always under way.
            time.sleep(0.2)
        self.send_response(503 if BEHAVIOUR == "unhealthy" and self.path == "/health" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    # The end of the program waits for the requests under way.
    daemon_threads = False
    request_queue_size = 128


def main() -> int:
    sys.stdout.write(f"version {VERSION} starts\n")
    if BEHAVIOUR == "crash":
        sys.stdout.write("it breaks\n")
        return 3
    server = Server(("", 8000), Handler)
    if BEHAVIOUR == "healthy":
        Path("/tmp/healthy").touch()  # noqa: S108 the one writable folder

    def stop(*_: object) -> None:
        if "STUBBORN" not in os.environ:
            threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    return 0


sys.exit(main())
