"""``python -m slipway_app.migrate``: upgrade the schema to the newest version, or say why not.

With ``--sql`` it prints the SQL of all versions, and connects to nothing.

All tables are made, whatever the features: a feature that is chosen later finds its own.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from slipway_app import logging as app_logging
from slipway_app.config import ConfigError, DatabaseSettings
from slipway_app.database import Credentials

log = logging.getLogger("slipway_app.migrate")

LOCK_KEY = 0x736C6970776179
"""The advisory lock that one migration holds while another one waits ("slipway" in ASCII)."""
LOCK_SECONDS = 300
TABLE_LOCK_SECONDS = 60
"""How long a migration waits for tables in use: while it waits, all who come after wait behind it."""


def _config() -> Config:
    """Alembic's settings, which are in no file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def migrate(settings: DatabaseSettings) -> str:
    """Run the migrations that the database lacks, one transaction each, and return the version it is at then.

    Raises:
        psycopg.Error: PostgreSQL cannot be reached.
        sqlalchemy.exc.SQLAlchemyError: a migration failed; its transaction is rolled back.
        RuntimeError: the schema is not at the newest version afterwards.
    """
    config = _config()
    newest = ScriptDirectory.from_config(config).get_current_head()

    credentials = Credentials(settings)
    # The lock has a connection of its own: it outlives the transactions, and ends with the process.
    with credentials.connect(application_name="migrate") as lock:
        log.info("waiting for the migration lock")
        lock.execute("SELECT set_config('lock_timeout', %s, false)", (f"{LOCK_SECONDS}s",))
        lock.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=lambda: credentials.connect(
                application_name="migrate", autocommit=False, options=f"-c lock_timeout={TABLE_LOCK_SECONDS}s"
            ),
            poolclass=sqlalchemy.NullPool,
        )
        with engine.connect() as connection:
            context = MigrationContext.configure(connection)
            log.info("schema is at %s, newest is %s", context.get_current_revision(), newest)
            connection.rollback()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            reached = context.get_current_revision()
    if reached is None or reached != newest:
        raise RuntimeError(f"the schema is at {reached}, not at {newest}")
    return reached


def main(arguments: Sequence[str] = ()) -> int:
    """Migrate the database that the environment names; return the exit code.

    Args:
        arguments: of the command line.
    """
    if _parser().parse_args(arguments).sql:
        command.upgrade(_config(), "head", sql=True)
        return 0
    app_logging.configure("INFO")
    logging.getLogger("alembic.runtime.migration").setLevel("INFO")
    try:
        settings = DatabaseSettings.from_environment(os.environ)
        log.info("migrated: schema is at %s", migrate(settings))
    except ConfigError as error:
        log.error("%s", error)
        return 2
    except Exception as error:
        log.error("migration failed: %s: %s", type(error).__name__, error, exc_info=error)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m slipway_app.migrate", description="upgrade the schema")
    parser.add_argument("--sql", action="store_true", help="print the SQL, and connect to nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
