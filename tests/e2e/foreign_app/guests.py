"""A Flask application that knows nothing of Slipway: it has a port, and no path for anybody's checks."""

from flask import Flask

app = Flask(__name__)


@app.get("/")
def welcome() -> str:
    return "Welcome, guest\n"
