"""The container's health check: asks the server in it for ``/healthz``; exits 0 when it answers 200."""

import os
import sys
from http.client import HTTPConnection

connection = HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or 8000), timeout=4)
connection.request("GET", "/healthz")
sys.exit(connection.getresponse().status != 200)
