"""Runs commands: one JSON object a line on standard input, one answer a line on standard output.

A command has `arguments` and `input`, an answer `status` and `output`. The first line is run when standard input ends,
whoever ended it: with the emulator ends what it enforced.
"""

import json
import subprocess
import sys
from typing import Any


def run(command: dict[str, Any]) -> dict[str, Any]:
    """Run one command.

    Args:
        command: `arguments`, and `input` for its standard input.

    Returns:
        `status` and `output` of it.
    """
    result = subprocess.run(command["arguments"], input=command["input"], capture_output=True, text=True, check=False)
    return {"status": result.returncode, "output": result.stdout + result.stderr}


def main() -> None:
    """Run what comes in; first comes what is run at the end."""
    last = json.loads(sys.stdin.readline())
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run(json.loads(line))) + "\n")
        sys.stdout.flush()
    run(last)


if __name__ == "__main__":
    main()
