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
            ["answered 308 at service_health_check_path, and wants 200. That is a redirect"],
        ),
        (
            f"Task failed ELB health checks in (target-group {GROUP})\n(port 8000) is unhealthy in (target-group "
            f"{GROUP}) due to "
            "(reason Health checks failed with these codes: [400, 400]).",
            ["ALLOWED_HOSTS"],
        ),
        ("Health checks failed with these codes: [418]", ["answered 418 at service_health_check_path, and wants 200."]),
        ("Health checks failed with these codes: [502]", ["raise service_health_check_grace_period_seconds"]),
        (
            f"Task failed ELB health checks in (target-group {GROUP})",
            ["raise service_health_check_grace_period_seconds"],
        ),
        (
            "an instance was taken out of service in response to an ELB system health check failure.",
            ["raise service_health_check_grace_period_seconds"],
        ),
        ("Task failed container health checks", ["service_start_period_seconds"]),
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
