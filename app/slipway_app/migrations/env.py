"""Alembic's entry: runs the migrations on the connection that ``slipway_app.migrate`` hands over."""

from alembic import context

# None where the SQL alone is asked for.
connection = context.config.attributes.get("connection")
context.configure(connection=connection, dialect_name="postgresql", transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
