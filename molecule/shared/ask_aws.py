"""Calls one operation of an AWS API, for what no Ansible module tells, and prints its answer as JSON.

Usage: ask_aws.py <service> <operation> [JSON of its arguments]
"""

from __future__ import annotations

import json
import sys

import boto3


def main() -> None:
    """Call it."""
    service, operation, *arguments = sys.argv[1:]
    answer = getattr(boto3.client(service), operation)(**json.loads(arguments[0] if arguments else "{}"))
    sys.stdout.write(json.dumps(answer, default=str))


if __name__ == "__main__":
    main()
