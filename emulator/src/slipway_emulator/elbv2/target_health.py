"""Elastic Load Balancing as it behaves, not only as it answers: health checks, draining, routing.

Each target is checked as its target group says, only those that pass get requests, and a target that leaves is waited
for until its last request is answered.
"""

from __future__ import annotations

import http.client
import itertools
import logging
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ministack.core.responses import StreamingResponse
from ministack.services import alb

from slipway_emulator.ec2.instances import address_of
from slipway_emulator.elbv2.forwarding import Source

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

INITIAL = "initial"
HEALTHY = "healthy"
UNHEALTHY = "unhealthy"

# A new target is looked at this often until its first verdict, whatever its interval says: waiting is
# the one thing a rehearsal may shorten.
_INITIAL_INTERVAL_SECONDS = 1.0
_TICK_SECONDS = 0.25
# What an Application Load Balancer takes for success ("Matcher", Elastic Load Balancing API reference).
_SUCCESS_CODES = re.compile(r"[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*")

_logger = logging.getLogger(__name__)

Response = tuple[int, dict[str, Any], Any]
Function = Callable[..., Any]
Target = dict[str, Any]
Group = dict[str, Any]
Key = tuple[str, str, int]


@dataclass
class _Record:
    state: str = INITIAL
    reason: str = "Elb.RegistrationInProgress"
    description: str = "Target registration is in progress"
    successes: int = 0
    failures: int = 0
    in_flight: int = 0
    registered: float = 0.0
    next_check: float = 0.0
    checking: bool = False


class TargetHealth:
    """Checks every target of every target group, as "Health checks for your target groups" tells.

    Args:
        source: tells where the load balancer of a target group connects from.
        clock: monotonic seconds.
    """

    def __init__(self, source: Callable[[Group], Source], clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._records: dict[Key, _Record] = {}
        self._lock = threading.Lock()
        self._turn = itertools.count()
        self._workers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="target-health")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="target-health")

    def start(self) -> None:
        """Begin checking, on a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End checking; checks under way are not waited for."""
        self._stopping.set()
        self._thread.join()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def describe(self, group_arn: str, target: Target) -> tuple[str, str, str]:
        """State, reason code and description of a target, as DescribeTargetHealth gives them."""
        with self._lock:
            record = self._records.get(_key(group_arn, target)) or _Record()
            return record.state, record.reason, record.description

    def state(self, group_arn: str, target_id: str, port: int) -> str:
        """`initial`, `healthy` or `unhealthy`."""
        return self.describe(group_arn, {"Id": target_id, "Port": port})[0]

    def acquire(self, group_arn: str, targets: list[Target]) -> Target | None:
        """Choose the next target for one request and count the request as under way.

        Round robin, the default of "Routing algorithms". A group whose targets have all failed is tried all
        the same ("fail open"); targets without a first verdict get nothing.
        """
        with self._lock:
            known = [(t, self._records[_key(group_arn, t)]) for t in targets if _key(group_arn, t) in self._records]
            healthy = [(t, r) for t, r in known if r.state == HEALTHY]
            candidates = healthy or [(t, r) for t, r in known if r.state == UNHEALTHY]
            if not candidates:
                return None
            target, record = candidates[next(self._turn) % len(candidates)]
            record.in_flight += 1
            return target

    def release(self, group_arn: str, target: Target) -> None:
        """Count one request to the target as answered."""
        with self._lock:
            record = self._records.get(_key(group_arn, target))
            if record:
                record.in_flight -= 1

    def drain(self, group_arn: str, target_id: str, port: int, timeout_seconds: float) -> None:
        """Wait until a deregistered target has answered its requests, or the delay is over."""
        deadline = self._clock() + timeout_seconds
        key = (group_arn, target_id, port)
        while self._clock() < deadline:
            time.sleep(_TICK_SECONDS)
            with self._lock:
                record = self._records.get(key)
                if record is None or record.in_flight <= 0:
                    return

    def _run(self) -> None:
        while not self._stopping.wait(_TICK_SECONDS):
            registered: set[Key] = set()
            for (account, region, arn), group in alb._tgs.all_items():
                for target in list(alb._targets.get_scoped(account, region, arn) or []):
                    registered.add(_key(arn, target))
                    self._check_when_due(arn, group, target)
            with self._lock:
                for key in [k for k, r in self._records.items() if k not in registered and r.in_flight <= 0]:
                    del self._records[key]

    def _check_when_due(self, arn: str, group: dict[str, Any], target: Target) -> None:
        with self._lock:
            record = self._records.setdefault(_key(arn, target), _Record(registered=self._clock()))
            if record.checking or self._clock() < record.next_check:
                return
            record.checking = True
        self._workers.submit(self._check, group, target, record)

    def _check(self, group: dict[str, Any], target: Target, record: _Record) -> None:
        try:
            problem = _probe(group, target, self._source(group))
        except Exception:
            # A group that cannot be checked must not end the checking of the others.
            _logger.exception("health check of %s in %s", target["Id"], group["TargetGroupName"])
            problem = "Elb.InternalError", "Health checks failed due to an internal error"
        interval = float(group["HealthCheckIntervalSeconds"])
        with self._lock:
            record.checking = False
            now = self._clock()
            if problem is None:
                record.failures = 0
                record.successes += 1
                # A newly registered target needs one success, one that failed needs the threshold.
                if record.state == INITIAL or record.successes >= group["HealthyThresholdCount"]:
                    record.state, record.reason, record.description = HEALTHY, "", ""
            else:
                record.successes = 0
                record.failures += 1
                if record.state == INITIAL:
                    failed = now - record.registered >= interval * group["UnhealthyThresholdCount"]
                else:
                    failed = record.failures >= group["UnhealthyThresholdCount"]
                if failed:
                    record.state = UNHEALTHY
                    record.reason, record.description = problem
            record.next_check = now + (_INITIAL_INTERVAL_SECONDS if record.state == INITIAL else interval)


def _key(group_arn: str, target: Target) -> Key:
    return group_arn, str(target["Id"]), int(target.get("Port") or 80)


def _probe(group: Group, target: Target, source: Source) -> tuple[str, str] | None:
    """Ask one target for its health path; None when the answer matches, else (reason, description)."""
    port = group["HealthCheckPort"]
    port = int(target.get("Port") or group["Port"]) if port == "traffic-port" else int(port)
    timeout = float(group["HealthCheckTimeoutSeconds"])
    address = address_of(str(target["Id"]))
    connection = http.client.HTTPConnection(address, port, timeout=timeout, source_address=source)
    try:
        connection.request("GET", group["HealthCheckPath"], headers={"User-Agent": "ELB-HealthChecker/2.0"})
        status = connection.getresponse().status
    except TimeoutError:
        return "Target.Timeout", "Request timed out"
    except OSError as error:
        return "Target.FailedHealthChecks", f"Health checks failed: {error.strerror or error}".lower()
    except http.client.HTTPException:
        return "Target.FailedHealthChecks", "Health checks failed with an invalid answer"
    finally:
        connection.close()
    if matches(group["Matcher"]["HttpCode"], status):
        return None
    return "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]"


def matches(matcher: str, status: int) -> bool:
    """Whether a status is one of a target group's success codes, such as `200,202` or `200-299`."""
    for part in matcher.split(","):
        low, _, high = part.partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False


def with_success_codes(original: Function, _: Parts) -> Function:
    """Refuse success codes that an Application Load Balancer does not take."""

    def create_or_modify(params: dict[str, Any]) -> Response:
        codes = alb._p(params, "Matcher.HttpCode")
        if codes and not _SUCCESS_CODES.fullmatch(codes):
            message = f"Health check matcher HTTP code '{codes}' must be within '200-499' inclusive"
            refused: Response = alb._error("ValidationError", message, 400)
            return refused
        answer: Response = original(params)
        return answer

    return create_or_modify


def lb_xml(original: Function, _: Parts) -> Function:
    def lb_xml(lb: dict[str, Any]) -> str:
        # Names under .localhost resolve to this machine (RFC 6761, section 6.3).
        lb["DNSName"] = lb["DNSName"].replace(".elb.amazonaws.com", ".elb.localhost")
        return str(original(lb))

    return lb_xml


def describe_target_health(_original: Function, parts: Parts) -> Function:
    def describe_target_health(params: dict[str, Any]) -> Response:
        arn = alb._p(params, "TargetGroupArn")
        if arn not in alb._tgs:
            refused: Response = alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
            return refused
        wanted = {t["Id"] for t in alb._parse_targets_param(params)}
        members = []
        for target in alb._targets.get(arn, []):
            if wanted and target["Id"] not in wanted:
                continue
            state, reason, description = parts.health.describe(arn, target)
            details = f"<Reason>{reason}</Reason><Description>{description}</Description>" if reason else ""
            port = target.get("Port", alb._tgs[arn].get("Port", 80))
            members.append(
                f"<member><Target><Id>{target['Id']}</Id><Port>{port}</Port></Target>"
                f"<TargetHealth><State>{state}</State>{details}</TargetHealth></member>"
            )
        body = f"<TargetHealthDescriptions>{''.join(members)}</TargetHealthDescriptions>"
        answer: Response = alb._xml(200, "DescribeTargetHealth", body)
        return answer

    return describe_target_health


def forward(_original: Function, parts: Parts) -> Function:
    health = parts.health

    async def forward(
        tg_arn: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, Any],
        raw_query_string: str | None = None,
        raw_path: str | None = None,
    ) -> Response:
        group = alb._tgs.get(tg_arn)
        target = health.acquire(tg_arn, alb._targets.get(tg_arn, [])) if group else None
        if target is None:
            return 503, {"Content-Type": "text/html"}, b"<h1>503 Service Temporarily Unavailable</h1>"
        handed_over = False
        try:
            status, answer_headers, answer = await alb._proxy_http_target(
                target | {"Id": address_of(str(target["Id"]))},
                group,
                method,
                raw_path or path,
                headers,
                body,
                query_params,
                raw_query_string,
            )
            if isinstance(answer, StreamingResponse):
                answer = released_at_end(answer, lambda: health.release(tg_arn, target))
                handed_over = True
            return status, answer_headers, answer
        finally:
            if not handed_over:
                health.release(tg_arn, target)

    return forward


def released_at_end(answer: StreamingResponse, release: Callable[[], None]) -> StreamingResponse:
    """The answer, with something to do after its last byte."""

    async def run(send: Any, receive: Any) -> None:
        try:
            await answer.runner(send, receive)
        finally:
            release()

    return StreamingResponse(run)


def deregistration_delay_seconds(group_arn: str) -> float:
    """The target group's deregistration delay; 300 s is the default of AWS."""
    for attribute in alb._tg_attrs.get(group_arn, []):
        if attribute["Key"] == "deregistration_delay.timeout_seconds":
            return float(attribute["Value"])
    return 300.0
