"""Sets users and grants of a database, and writes the result into the log for who has started this task.

Environment:
    DATABASE_ACCESS_OPTIONS: options of the role's entry point `reconcile`, as JSON.
    DATABASE_ACCESS_SECRET_*: the users' secrets, where Cloud Run gives them; else the role reads them itself.
    DATABASE_CA_BUNDLE_BASE64: PEM certificates of the authorities that may sign the database's certificate, in Base64.

Arguments go to ansible-playbook, such as `--check`.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# Each event of a log may have 256 KB ("CloudWatch Logs quotas"), and what is between a container and its log may cut
# lines at 16 KB. In ASCII a character is a byte.
PART_CHARACTERS = 8000


def parts(result: str) -> list[str]:
    """Lines that hold a result: `slipway-result <number>/<how many> <part>`, as the module ecs_run_task joins them.

    Args:
        result: JSON on one line.
    """
    cut = [result[first : first + PART_CHARACTERS] for first in range(0, len(result), PART_CHARACTERS)]
    return [f"slipway-result {number}/{len(cut)} {part}" for number, part in enumerate(cut, 1)]


def main() -> int:
    """Run the playbook and print its result.

    Returns:
        0 where every user may do what it should and nothing else, in a dry run also where that is not so yet; else 1.
    """
    with tempfile.TemporaryDirectory() as folder:
        authorities, result = Path(folder, "ca.pem"), Path(folder, "result.json")
        authorities.write_bytes(base64.b64decode(os.environ["DATABASE_CA_BUNDLE_BASE64"]))
        options = json.loads(os.environ["DATABASE_ACCESS_OPTIONS"]) | {
            "database_access_ca_file": str(authorities),
            "database_access_result_file": str(result),
        }
        command = [sys.executable, "-m", "ansible", "playbook", "--inventory=localhost,", "playbook.yml", *sys.argv[1:]]
        status = subprocess.run([*command, f"--extra-vars={json.dumps(options)}"], check=False).returncode
        if not result.exists():
            return status or 1
        found = json.loads(result.read_text())
    sys.stdout.write("".join(f"{line}\n" for line in parts(json.dumps(found))))
    return 1 if found["error"] else 0


if __name__ == "__main__":
    sys.exit(main())
