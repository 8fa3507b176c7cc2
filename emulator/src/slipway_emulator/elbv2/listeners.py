"""The load balancers' listeners: plain and TLS, on loopback, found by name as DNS would find them."""

from __future__ import annotations

import fnmatch
import ssl
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from hypercorn.config import Config
from ministack import app as ministack
from ministack.core.responses import request_scope, set_request_client_ip
from ministack.services import acm, alb, route53

from slipway_emulator.acm.authority import Authority
from slipway_emulator.endpoints import Receive, Scope, Send

Key = tuple[str, str, str]


# Whether a platform has a service of a host name, and what answers for it: called with ASGI's three, the name and the
# listener's port.
HasSite = Callable[[str], bool]
SiteHandler = Callable[[Scope, Receive, Send, str, int], Awaitable[None]]
_sites: list[tuple[HasSite, SiteHandler]] = []


def add_site(has_site: HasSite, handler: SiteHandler) -> None:
    """Let a platform that serves by host name answer, with certificates for its names."""
    _sites.append((has_site, handler))


class EdgeConfig(Config):
    """Hypercorn's configuration with one certificate per load balancer name (SNI).

    Args:
        authority: signs the certificates.
    """

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self._authority = authority

    @property
    def ssl_enabled(self) -> bool:
        return True

    def create_ssl_context(self) -> ssl.SSLContext:
        """The context of a name that no listener has a certificate for; clients will refuse it."""
        context = self._authority.server_context("unknown.invalid")
        context.sni_callback = self._choose_certificate
        return context

    def _choose_certificate(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        name = name.lower() if name else None
        if name and (has_certificate(name) or any(has_site(name) for has_site, _ in _sites)):
            connection.context = self._authority.server_context(name)


def has_certificate(name: str) -> bool:
    """Whether a TLS listener has an issued ACM certificate that covers a DNS name."""
    for (account, region, _), listener in alb._listeners.all_items():
        for certificate_arn in listener.get("Certificates", []):
            record = acm._certificates.get_scoped(account, region, certificate_arn)
            if record and record["Status"] == "ISSUED" and _covers(record["SubjectAlternativeNames"], name):
                return True
    return False


def _covers(names: list[str], name: str) -> bool:
    # A wildcard stands for one label only (ACM, "Certificate characteristics").
    return any(fnmatch.fnmatchcase(name, n) and name.count(".") == n.count(".") for n in names)


def find_load_balancer(name: str) -> tuple[Key, dict[str, Any]] | None:
    """The load balancer a DNS name leads to: its own name, or a Route 53 alias of it.

    Returns:
        The load balancer's key (account, region, ARN) and record, or None.
    """
    name = _bare(name)
    names = {name}
    for records in route53._records._data.values():
        for record in records:
            alias = record.get("AliasTarget")
            if alias and record.get("Type") == "A" and _bare(record.get("Name", "")) == name:
                # The AWS provider writes aliases of load balancers with this prefix.
                names.add(_bare(alias["DNSName"]).removeprefix("dualstack."))
    for key, load_balancer in alb._lbs.all_items():
        if load_balancer["DNSName"].lower() in names:
            return key, load_balancer
    return None


def _bare(name: str) -> str:
    return name.lower().rstrip(".")


async def handle(scope: Scope, receive: Receive, send: Send, port: int) -> None:
    """Answer one request to a load balancer.

    Args:
        scope, receive, send: the request, as ASGI has it.
        port: port of the listener that is meant.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        header, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[header] = f"{headers[header]}, {value}" if header in headers else value
    host = _bare(headers.get("host", "").partition(":")[0])
    for has_site, answer in _sites:
        if has_site(host):
            await answer(scope, receive, send, host, port)
            return
    found = find_load_balancer(host)
    if found is None:
        await _say(send, 404, "no load balancer has this name")
        return
    (account, region, arn), load_balancer = found
    ports = [entry["Port"] for key, entry in alb._listeners.all_items() if entry["LoadBalancerArn"] == arn]
    if port not in ports:
        await _say(send, 503, f"the load balancer {load_balancer['LoadBalancerName']} has no listener on port {port}")
        return
    try:
        body = await ministack._read_request_body(receive, scope["method"], headers)
    except (ministack._RequestBodyDisconnected, ministack._IncompleteRequestBody):
        return
    query = scope["query_string"].decode("latin-1")
    with request_scope(account, region):
        set_request_client_ip((scope.get("client") or ("127.0.0.1",))[0])
        response = await alb.dispatch_request(
            load_balancer,
            scope["method"],
            scope["path"],
            headers,
            body,
            parse_qs(query, keep_blank_values=True),
            port,
            raw_query_string=query,
            raw_path=scope["raw_path"].decode("latin-1"),
        )
        await ministack._send_if_handled(send, response, receive, head=scope["method"] == "HEAD")


async def _say(send: Send, status: int, message: str) -> None:
    await ministack._send_response(send, status, {"Content-Type": "text/plain"}, f"{message}\n".encode())
