"""`python -m google_provider build WHEEL DIRECTORY`, and what Terraform starts: `serve DIRECTORY`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Run one command.

    Returns:
        0 when done, 1 when something is wrong (said on standard error).
    """
    parser = argparse.ArgumentParser(prog="python -m google_provider", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True)
    build = subparsers.add_parser("build", help="read the schema out of the bindings' wheel")
    build.add_argument("wheel", type=Path)
    build.add_argument("directory", type=Path)
    serve = subparsers.add_parser("serve", help="answer Terraform")
    serve.add_argument("directory", type=Path)
    arguments = parser.parse_args()
    return _build(arguments.wheel, arguments.directory) if arguments.command == "build" else _serve(arguments.directory)


def _build(wheel: Path, directory: Path) -> int:
    from google_provider import bindings, schema

    try:
        schema.write(bindings.read_wheel(wheel), directory)
    except bindings.UnreadableError as error:
        print(f"google provider: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(directory: Path) -> int:
    from google_provider import plugin
    from google_provider.resources import made_by
    from google_provider.schema import StoredSchema
    from google_provider.servicer import Servicer

    schema = StoredSchema(directory)
    try:
        plugin.serve(Servicer(schema, made_by(schema)))
    except plugin.NotStartedByTerraformError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
