"""A Flask application whose requirements have hashes, and the server is none of them."""

from flask import Flask

app = Flask(__name__)


@app.get("/healthz")
def alive() -> str:
    return "ok"
