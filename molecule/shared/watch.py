"""Runs a command and looks for secrets in what it prints, and in each process's arguments and environment.

Usage: watch.py <file> <command...>; the file holds the secrets as a JSON list. Ends with 1 where a secret was
seen and says where, without the secret itself; otherwise as the command ends, with its output.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path


def watch_processes(secrets: list[bytes], done: threading.Event, sightings: set[str]) -> None:
    """Look at every process, again and again.

    Args:
        secrets: What to look for.
        done: Set when it is time to stop.
        sightings: Receives the process's file and the number of the secret.
    """
    while not done.wait(0.01):
        for process in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    content = (process / name).read_bytes()
                except OSError:
                    continue
                for number, secret in enumerate(secrets):
                    if secret in content:
                        sightings.add(f"{name} of a process, secret {number}")


def main() -> int:
    """Run the command.

    Returns:
        The exit code.
    """
    texts: list[str] = json.loads(Path(sys.argv[1]).read_text())
    secrets = [text.encode() for text in texts]
    sightings: set[str] = set()
    done = threading.Event()
    watcher = threading.Thread(target=watch_processes, args=(secrets, done, sightings))
    watcher.start()
    result = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    done.set()
    watcher.join()
    for number, text in enumerate(texts):
        # As it is, and as JSON, YAML or Python would print it.
        forms = (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1])
        for form in forms:
            if form.encode() in result.stdout:
                sightings.add(f"output, secret {number}")
    if sightings:
        sys.stdout.write(f"Seen in: {'; '.join(sorted(sightings))}\n")
        return 1
    sys.stdout.buffer.write(result.stdout)
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
