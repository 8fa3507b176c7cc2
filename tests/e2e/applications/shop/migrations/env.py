"""What `flask db` runs migrations by: Flask-Migrate's own, shortened."""

from alembic import context
from flask import current_app

migrate = current_app.extensions["migrate"]
# Alembic's configuration interpolates percent signs.
context.config.set_main_option("sqlalchemy.url", migrate.db.engine.url.render_as_string(False).replace("%", "%%"))

with migrate.db.engine.connect() as connection:
    context.configure(connection=connection, target_metadata=migrate.db.metadata, **migrate.configure_args)
    with context.begin_transaction():
        context.run_migrations()
