# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Tasks of ECS: all of them, also those that ECS does not show yet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

# "The result of an API command you run that affects your Amazon ECS resources might not be immediately visible to all
# subsequent commands you run" (RunTask, Amazon ECS API reference).
LATE_SECONDS = 60
_POLL_SECONDS = 1.0
# DescribeTasks: "A list of up to 100 task IDs or full ARN entries".
_MOST_AT_ONCE = 100

Json = dict[str, Any]


def list_tasks(ecs: Any, **criteria: str) -> list[str]:
    """ARNs of all tasks that ListTasks finds.

    Args:
        ecs: client of ECS.
        criteria: arguments of ListTasks.
    """
    pages = ecs.get_paginator("list_tasks").paginate(**criteria)
    return [arn for page in pages for arn in page["taskArns"]]


def describe_tasks(ecs: Any, cluster: str, arns: Sequence[str]) -> list[Json]:
    """Tasks as DescribeTasks has them. One that it calls MISSING is waited for, a minute at most, and then left out.

    Args:
        ecs: client of ECS.
        cluster: name of their cluster.
        arns: their ARNs.
    """
    deadline = time.monotonic() + LATE_SECONDS
    while True:
        answers = [
            ecs.describe_tasks(cluster=cluster, tasks=arns[first : first + _MOST_AT_ONCE])
            for first in range(0, len(arns), _MOST_AT_ONCE)
        ]
        if not any(answer["failures"] for answer in answers) or time.monotonic() > deadline:
            return [task for answer in answers for task in answer["tasks"]]
        time.sleep(_POLL_SECONDS)
