"""The end of a log in CloudWatch, for the report of a deployment that failed."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

SHOWN_LINES = 15


def last_events(logs: Any, group: str, stream: str) -> list[Json]:
    """The last events of a log stream, at most `SHOWN_LINES`, as GetLogEvents has them; none where there is no stream.

    Args:
        logs: a boto3 client of CloudWatch Logs.
        group: the log group's name.
        stream: the stream's name.

    Raises:
        ClientError: the log cannot be read.
    """
    try:
        events: list[Json] = logs.get_log_events(
            logGroupName=group, logStreamName=stream, limit=SHOWN_LINES, startFromHead=False
        )["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return events
