"""What a failed deployment is told, by what the platform and the application say."""

from __future__ import annotations

import pytest

from plugins.plugin_utils.advice import advice

GROUP = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/dev-web/0123456789abcdef"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        # Texts of Amazon ECS (service event messages, stopped tasks), EC2 Auto Scaling, Docker and Alembic.
        (
            f"(service web) (port 8000) is unhealthy in (target-group {GROUP}) due to (reason Health checks "
            "failed with these "
            "codes: [308]).",
            ["answered 308 at service_health_check_path, and does not take it for healthy. That is a redirect"],
        ),
        (
            f"Task failed ELB health checks in (target-group {GROUP})\n(port 8000) is unhealthy in (target-group "
            f"{GROUP}) due to "
            "(reason Health checks failed with these codes: [400, 400]).",
            ["ALLOWED_HOSTS"],
        ),
        (
            "Health checks failed with these codes: [301]",
            ["set service_health_check_codes, such as 200,301."],
        ),
        ("Health checks failed with these codes: [400]", ["or set service_health_check_codes"]),
        (
            "Health checks failed with these codes: [401]",
            ["wants a login there: set service_health_check_path to a path"],
        ),
        (
            "Health checks failed with these codes: [404]",
            ["There is no such path: set service_health_check_path to a path"],
        ),
        (
            "Health checks failed with these codes: [418]",
            ["answered 418 at service_health_check_path, and does not take it"],
        ),
        (
            "Health checks failed with these codes: [502]",
            ["raise service_start_period_seconds, or service_health_check_grace"],
        ),
        (f"Task failed ELB health checks in (target-group {GROUP})", ["raise service_start_period_seconds"]),
        (
            "an instance was taken out of service in response to an ELB system health check failure.",
            ["raise service_start_period_seconds"],
        ),
        (
            "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token "
            "0fc62a4b-153b-4dba-9bf4-9f233e72a697 was abandoned: Heartbeat Timeout",
            ["has to run for ten seconds"],
        ),
        ("Task failed container health checks", ["raise service_start_period_seconds"]),
        (
            "[AppRunner] Health check failed on protocol `HTTP` [Path: '/health'], [Port: '8000']. Check your",
            ["raise service_start_period_seconds"],
        ),
        (
            "The user-provided container failed the configured startup probe checks. Logs for this revision",
            ["raise service_start_period_seconds"],
        ),
        (
            "The user-provided container failed to start and listen on the port defined provided by the PORT=8000",
            ["raise service_start_period_seconds"],
        ),
        ("exec /usr/local/bin/python: exec format error", ["service_cpu_architecture"]),
        ("exec /app/entrypoint.sh: no such file or directory", ["CRLF"]),
        ("/app/entrypoint.sh: 2: flask\r: not found", ["CRLF"]),
        ("/app/entrypoint.sh: line 2: $'\\r': command not found", ["CRLF"]),
        ("exec: cannot open the list; no such file or directory", []),
        ("Essential container in task exited: exit code 137", []),
        ("unable to retrieve secret from asm: There is a connection issue", ["playbooks/bootstrap.yml"]),
        ("env: 'sh\\r': No such file or directory", ["CRLF"]),
        ('exec: "flask": executable file not found in $PATH', ["not on its PATH"]),
        ("OutOfMemoryError: Container killed due to memory usage", ["service_memory_mib"]),
        ("Multiple head revisions are present for given argument 'head'", ["alembic merge heads"]),
        ("Essential container in task exited", []),
        ("a deployment failed, and port 4000 or 400 requests are in its log", []),
    ],
)
def test_advice(said: str, told: list[str]) -> None:
    found = advice(said)
    assert len(found) == len(told), found
    for part, text in zip(told, found, strict=True):
        assert part in text
