"""A FastAPI application with the layout src, as uv makes it."""

import asyncio
import sys
from importlib.metadata import version

from fastapi import FastAPI, Request

app = FastAPI(version=version("guests"))


async def alive(request: Request) -> dict[str, str]:
    return {"version": app.version, "scheme": request.url.scheme}


async def slow() -> str:
    await asyncio.sleep(2)
    return "done"


app.add_api_route("/healthz", alive)
app.add_api_route("/slow", slow)


def greet() -> None:
    """The program of the package."""
    sys.stdout.write(f"guests {app.version}\n")
