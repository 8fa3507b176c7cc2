"""What `alembic upgrade head` runs migrations by."""

import os

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

engine = create_engine(make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg"))
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
