"""The command line of the stand-in: `slipway-google-provider install | check | serve DIRECTORY`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Run one command.

    Returns:
        0 when done, 1 when something is wrong (said on standard error) or `check` finds something to do.
    """
    parser = argparse.ArgumentParser(prog="slipway-google-provider", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True)
    install = "put it into a directory; a filesystem_mirror of Terraform is DIRECTORY/mirror"
    for command, text in {
        "install": install,
        "check": "exit with 1 where install would change something",
        "serve": "answer Terraform, which starts this; DIRECTORY is that of the schema",
    }.items():
        subparsers.add_parser(command, help=text, description=text).add_argument("directory", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "serve":
        return _serve(arguments.directory)
    return _install(arguments.directory.absolute(), arguments.command == "check")


def _install(directory: Path, only_check: bool) -> int:
    from slipway_emulator.google_provider import bindings, installation

    if only_check:
        return 0 if installation.is_complete(directory) else 1
    try:
        installation.install(directory)
    except (bindings.UnreadableError, installation.InstallationError) as error:
        print(f"google provider: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(directory: Path) -> int:
    from slipway_emulator.google_provider import plugin
    from slipway_emulator.google_provider.resources import made_by
    from slipway_emulator.google_provider.schema import StoredSchema
    from slipway_emulator.google_provider.servicer import Servicer

    schema = StoredSchema(directory)
    try:
        plugin.serve(Servicer(schema, made_by(schema)))
    except plugin.NotStartedByTerraformError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
