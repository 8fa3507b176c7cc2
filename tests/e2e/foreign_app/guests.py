"""A Flask application that knows nothing of Slipway but its contract's three paths."""

import os

from flask import Flask

app = Flask(__name__)


@app.get("/")
def welcome() -> str:
    return "Welcome, guest\n"


@app.get("/healthz")
def alive() -> str:
    return "ok\n"


@app.get("/health")
def ready() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/version")
def version() -> dict[str, str]:
    return {"version": "1", "revision": "", "image_digest": os.environ.get("IMAGE_DIGEST", "")}
