"""Quotes, by an asynchronous application."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg"))
app = FastAPI()


@app.get("/")
async def index() -> dict[str, list[str]]:
    """All quotes."""
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT quote FROM quotes ORDER BY id"))
        return {"quotes": [row.quote for row in rows]}


@app.post("/", status_code=201)
async def add(quote: Annotated[str, Form()]) -> None:
    """Take one more."""
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO quotes (quote) VALUES (:quote)"), {"quote": quote})


@app.get("/where")
async def where(request: Request) -> dict[str, str]:
    """The address as the application knows it."""
    return {"url": str(request.url_for("index"))}


@app.get("/events")
async def events() -> StreamingResponse:
    """A stream that does not end."""

    async def stream() -> AsyncIterator[str]:
        while True:
            yield "data: still here\n\n"
            await asyncio.sleep(10)

    return StreamingResponse(stream(), media_type="text/event-stream")
