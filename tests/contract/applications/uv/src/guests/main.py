"""A FastAPI application with the layout src, as uv makes it."""

import sys
from importlib.metadata import version

from fastapi import FastAPI, Request

app = FastAPI(version=version("guests"))


def alive(request: Request) -> dict[str, str]:
    return {"version": app.version, "scheme": request.url.scheme}


app.add_api_route("/healthz", alive)


def greet() -> None:
    """The program of the package."""
    sys.stdout.write(f"guests {app.version}\n")
