# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What most likely keeps a new version from serving, by what was said of it, and the inputs that are about that."""

from __future__ import annotations

import re

_PATH = "service_health_check_path"
_GRACE = "service_health_check_grace_period_seconds"

# What a load balancer was answered ("Health checks for Application Load Balancer target groups", ELB user guide).
_CODES = re.compile(r"Health checks failed with these codes: \[(\d{3})[\d, ]*\]")
_BY_CODE = {
    "3": f"That is a redirect: set {_PATH} to where it leads, which is often the same path with a slash at its end.",
    "400": "Some applications answer so to a Host that they do not know, and the load balancer asks for an "
    "address: let them take "
    f"any at {_PATH} (Django: ALLOWED_HOSTS).",
    "401": f"The application wants a login there: set {_PATH} to a path without one.",
    "403": f"The application wants a login there: set {_PATH} to a path without one.",
    "404": f"There is no such path: set {_PATH} to one that there is.",
    "5": f"The log of the application has the reason. If it only takes longer to start, raise {_GRACE}.",
}
_SAID = (
    (
        re.compile(r"failed ELB health checks|is unhealthy in \(target-group|ELB system health check failure"),
        f"The load balancer asks {_PATH} on service_container_port, and got no answer. If the application only "
        "takes longer to "
        f"start, raise {_GRACE}. It has to listen on all addresses, not on 127.0.0.1 alone.",
    ),
    (
        re.compile(r"failed container health checks"),
        "The container's own check asks GET /healthz with the image's Python. If the image has none, or answers "
        "another path, set "
        "service_health_check_command; if the application only takes longer to start, raise "
        "service_start_period_seconds. That of a process only runs the image's Python, or its health_check_command in "
        "service_processes.",
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
    codes = sorted(set(_CODES.findall(said)))
    for code in codes:
        more = _BY_CODE.get(code) or _BY_CODE.get(code[0], "")
        found.append(f"The load balancer was answered {code} at {_PATH}, and wants 200. {more}".rstrip())
    for expression, text in _SAID:
        # Where the load balancer says what it was answered, it was answered.
        if expression.search(said) and not (codes and "load balancer asks" in text):
            found.append(text)
    return found
