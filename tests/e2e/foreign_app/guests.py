"""A Flask application that knows nothing of Slipway but its contract's three paths."""

import os

from flask import Flask

app = Flask(__name__)


@app.get("/")
def welcome():
    return "Welcome, guest\n"


@app.get("/healthz")
def alive():
    return "ok\n"


@app.get("/health")
def ready():
    return {"status": "ok"}


@app.get("/version")
def version():
    return {"version": "1", "revision": "", "image_digest": os.environ.get("IMAGE_DIGEST", "")}
