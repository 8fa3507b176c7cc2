# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What most likely keeps a new version from serving, by what was said of it, and the inputs that are about that."""

from __future__ import annotations

import re

_PATH = "service_health_check_path"
_CODES = "service_health_check_codes"
_START = "service_start_period_seconds"
_GRACE = "service_health_check_grace_period_seconds"

# What a load balancer was answered ("Health checks for Application Load Balancer target groups", ELB user guide).
_ANSWERED = re.compile(r"Health checks failed with these codes: \[(\d{3})[\d, ]*\]")
_ELSEWHERE = f"set {_PATH} to a path that answers 200, or {_CODES} to the codes that are right."
_BY_CODE = {
    "3": f"That is a redirect: set {_PATH} to where it leads, which is often the same path with a slash at its end. "
    f"Where it leads to https://, set {_CODES}, such as 200,{{code}}.",
    "400": "Some applications answer so to a Host that they do not know, and the load balancer asks for an "
    f"address: let them take any at {_PATH} (Django: ALLOWED_HOSTS), or set {_CODES} to the codes that are right, such "
    "as 200,400.",
    "401": f"The application wants a login there: {_ELSEWHERE}",
    "403": f"The application wants a login there: {_ELSEWHERE}",
    "404": f"There is no such path: {_ELSEWHERE}",
    "5": f"The log of the application has the reason. If it only takes longer to start, raise {_START}, or {_GRACE} "
    "where that is set.",
}
_SAID = (
    (
        re.compile(r"failed ELB health checks|is unhealthy in \(target-group|ELB system health check failure"),
        f"The load balancer asks {_PATH} on service_container_port, and got no answer. If the application only takes "
        f"longer to start, raise {_START}, or {_GRACE} where that is set. It has to listen on all addresses, not on "
        "127.0.0.1 alone.",
    ),
    (
        re.compile(r"failed container health checks"),
        "The container's own check asks GET /healthz (on ecs_public service_health_check_path) on "
        "service_container_port with the image's Python, and any answer below 500 is right (of a path that is set, "
        "200). If the image has no Python, set service_health_check_command; if the application only takes longer to "
        f"start, raise {_START}. That of a process only runs the image's Python, or its health_check_command in "
        "service_processes.",
    ),
    (
        re.compile(r"Lifecycle Action with token \S+ was abandoned"),
        "The command of a process in service_processes has to run for ten seconds, and never ends by itself. Its log "
        "has the reason.",
    ),
    (
        # App Runner, by HTTP and by TCP.
        re.compile(r"Health check failed on protocol"),
        f"App Runner connects to service_container_port, and asks {_PATH} where that is set, which has to answer 200. "
        f"If the application only takes longer to start, raise {_START}. It has to listen on all addresses, not on "
        "127.0.0.1 alone.",
    ),
    (
        # Cloud Run, by HTTP and by TCP.
        re.compile(r"failed the configured startup probe checks|failed to start and listen on the port"),
        f"Cloud Run connects to service_container_port, and asks {_PATH} where that is set, which has to answer 200 to "
        f"399. If the application only takes longer to start, raise {_START}. It has to listen on PORT, on all "
        "addresses.",
    ),
    (
        # A worker pool of Cloud Run.
        re.compile(r"container failed to start: it called exit|Container called exit"),
        "The command of a process in service_processes never ends by itself. Its log has the reason.",
    ),
    (
        re.compile(r"exec format error"),
        "The image, or a program in it, is for another CPU than the platform's (service_cpu_architecture, where the "
        "platform has it), or a script has no first line such as #!/bin/sh.",
    ),
    (
        # Of runc, dash, bash and env, in this order.
        re.compile(
            r"exec:? \S+: no such file or directory|\r: not found|\$'\\r': command not found"
            r"|env: .{1,80}\\r.: No such file"
        ),
        "The command of the image is not there, or is a script whose lines end with CRLF, as Windows writes them: what "
        "its first line names is then not found. Save it with LF.",
    ),
    (
        re.compile(r"executable file not found in \$PATH"),
        "The command is not in the image, or not on its PATH.",
    ),
    (
        re.compile(r"unable to retrieve secret|did not contain json key|unable to retrieve json key|has no key "),
        "A secret of app_secrets, or the key that it names, is not there, or may not be read: after a change of "
        "app_secrets, an administrator runs playbooks/bootstrap.yml.",
    ),
    (
        # Of Cloud Run.
        re.compile(r"Permission denied on secret: |Secret \S+/versions/\S+ was not found"),
        "A secret of app_secrets is not there, or the service's account may not read it yet: a grant may take some "
        "minutes to be known everywhere. Cloud Run does not try the same revision again: change a variable of "
        "app_environment_variables then, and run again.",
    ),
    (
        re.compile(r"OutOfMemoryError"),
        "The container needed more memory than it has: service_memory_mib, or migration_memory_mib.",
    ),
    (
        re.compile(r"Multiple head revisions are present"),
        "Alembic has two histories. Join them (alembic merge heads, flask db merge heads), and commit the file that it "
        "writes.",
    ),
)


def advice(said: str) -> list[str]:
    """What to look at, and which inputs to set; nothing where nothing is known.

    Args:
        said: what the platform and the log of the application say.
    """
    found = []
    codes = sorted(set(_ANSWERED.findall(said)))
    for code in codes:
        more = (_BY_CODE.get(code) or _BY_CODE.get(code[0], "")).format(code=code)
        found.append(
            f"The load balancer was answered {code} at {_PATH}, and does not take it for healthy. {more}".rstrip()
        )
    for expression, text in _SAID:
        # Where the load balancer says what it was answered, it was answered.
        if expression.search(said) and not (codes and "load balancer asks" in text):
            found.append(text)
    return found
