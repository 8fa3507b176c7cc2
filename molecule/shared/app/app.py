"""An application that is not ours: Python's own web server, which keeps the container contract.

`app.py` serves; `app.py migrate [exit code]` migrates, that is, it reaches the database and says so.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_health_answers = itertools.count(-int(os.environ.get("UNREADY_ANSWERS", "0")))


class Handler(BaseHTTPRequestHandler):
    """Answers the platform's requests, and tells what it was started with."""

    def do_GET(self) -> None:
        ready = self.path != "/health" or next(_health_answers) >= 0
        answers = {
            "/healthz": "ok",
            "/health": json.dumps({"status": "ready" if ready else "starting"}),
            "/version": json.dumps(
                {
                    "version": os.environ["VERSION"],
                    "revision": os.environ["REVISION"],
                    "image_digest": os.environ.get("IMAGE_DIGEST", ""),
                }
            ),
            "/greeting": os.environ.get("GREETING", "none"),
        }
        body = answers.get(self.path)
        status = 404 if body is None else 200 if ready else 503
        self.send_response(status)
        self.end_headers()
        self.wfile.write((body or "not found").encode() + b"\n")


def serve() -> None:
    """Serve until SIGTERM, and finish what runs."""
    server = ThreadingHTTPServer(("", int(os.environ.get("PORT", "8000"))), Handler)
    server.daemon_threads = False
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    server.server_close()


def migrate(exit_code: str = "0") -> None:
    """Reach the database, where there is one, and end with the code."""
    if "DATABASE_HOST" in os.environ:
        address = (os.environ["DATABASE_HOST"], int(os.environ["DATABASE_PORT"]))
        with socket.create_connection(address, timeout=10):
            sys.stdout.write(f"reached {address[0]}\n")
    sys.stdout.write(f"migrated {os.environ['DATABASE_NAME']} as user {os.getuid()}\n")
    sys.exit(int(exit_code))


if __name__ == "__main__":
    migrate(*sys.argv[2:]) if sys.argv[1:2] == ["migrate"] else serve()
