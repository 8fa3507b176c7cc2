"""Connections to targets, from the address of whoever forwards: a load balancer's own, or the edge's."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ministack.core.responses import StreamingResponse, request_scope
from ministack.services import alb

from slipway_emulator.elbv2.rules import balancers_of

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts
    from slipway_emulator.vpc.firewall import Firewall

_CHUNK_BYTES = 65536
# Threads that wait for targets, apart from those of everything else: a stream that does not end has one for as long.
_WAITING = ThreadPoolExecutor(max_workers=1000, thread_name_prefix="forwarding")
_HOP_BY_HOP = ("content-length", "connection", "transfer-encoding")

Source = tuple[str, int] | None
Function = Callable[..., Any]
Response = tuple[int, dict[str, Any], Any]


def load_balancer_source(firewall: Firewall | None, group: dict[str, Any]) -> Source:
    """The address that the load balancer of a target group connects from; None for any."""
    if firewall is None:
        return None
    balancer, _ = _load_balancer(group)
    return (firewall.address_of_load_balancer(balancer), 0) if balancer else None


def _load_balancer(group: dict[str, Any]) -> tuple[str | None, float]:
    """ARN of the load balancer of a target group, and its idle timeout in seconds."""
    _, _, _, region, account, _ = group["TargetGroupArn"].split(":", 5)
    with request_scope(account, region):
        balancer = min(balancers_of(group["TargetGroupArn"]), default=None)
        attributes = {one["Key"]: one["Value"] for one in alb._lb_attrs.get(balancer) or []}
    return balancer, float(attributes.get("idle_timeout.timeout_seconds", alb.TARGET_IDLE_TIMEOUT))


def proxy(_original: Function, parts: Parts) -> Function:
    async def proxy_http_target(
        target: dict[str, Any],
        tg: dict[str, Any],
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        _query_params: dict[str, Any],
        raw_query_string: str | None = None,
    ) -> Response:
        host, port = str(target["Id"]), int(target.get("Port") or tg.get("Port") or 80)
        # App Runner and Cloud Run have no target groups.
        source = await asyncio.to_thread(load_balancer_source, parts.firewall, tg) if tg else parts.network.source
        idle_timeout = (await asyncio.to_thread(_load_balancer, tg))[1] if tg else alb.TARGET_IDLE_TIMEOUT
        connection = http.client.HTTPConnection(host, port, timeout=alb.TARGET_CONNECT_TIMEOUT, source_address=source)
        wanted = path + (f"?{raw_query_string}" if raw_query_string else "")
        sent = {name.lower(): value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}

        def ask() -> tuple[http.client.HTTPResponse, socket.socket]:
            connection.connect()
            opened: socket.socket = connection.sock
            opened.settimeout(idle_timeout)
            connection.request(method.upper(), wanted, body=body or None, headers=sent)
            return connection.getresponse(), opened

        asking = asyncio.get_running_loop().run_in_executor(_WAITING, ask)
        try:
            answer, opened = await asyncio.shield(asking)
        except asyncio.CancelledError:
            # The caller gave up: the read ends, and the connection when its thread does.
            with contextlib.suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)
            asking.add_done_callback(lambda _: connection.close())
            raise
        except TimeoutError as error:
            connection.close()
            return _failure(504, f"Target {host}:{port} does not answer: {error}")
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return _failure(502, f"Target {host}:{port} connect error: {error}")
        found: dict[str, Any] = {}
        for name, value in answer.getheaders():
            found.setdefault(name.lower(), []).append(value)
        # The load balancer writes its own Date in place of the target's.
        found["date"] = alb.formatdate(usegmt=True)
        single = {
            name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in found.items()
        }
        return answer.status, single, StreamingResponse(_relay(connection, opened, answer))

    return proxy_http_target


def _failure(status: int, message: str) -> Response:
    return status, {"Content-Type": "application/json"}, json.dumps({"message": message}).encode()


def _relay(
    connection: http.client.HTTPConnection, opened: socket.socket, answer: http.client.HTTPResponse
) -> Callable[..., Any]:
    """Hand the body on as it arrives, until it ends or nobody wants it any more."""

    async def relay(send: Any, receive: Any) -> None:
        gone = asyncio.create_task(alb._await_http_disconnect(receive))
        complete = False
        try:
            while not complete:
                reading = asyncio.get_running_loop().run_in_executor(_WAITING, answer.read1, _CHUNK_BYTES)
                done, _ = await asyncio.wait({reading, gone}, return_when=asyncio.FIRST_COMPLETED)
                if gone in done:
                    reading.cancel()
                    break
                chunk = reading.result()
                if not chunk:
                    # A body that was cut off reads as ended, too.
                    complete = not answer.length
                    break
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except (OSError, http.client.HTTPException):
            complete = False
        finally:
            gone.cancel()
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            asyncio.get_running_loop().run_in_executor(None, connection.close)
            if complete:
                # Without it, the client knows that the body was cut off.
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    return relay
