"""Beers."""

from alembic import op

revision = "0002_beers"
down_revision = "0001_records"


def upgrade() -> None:
    """Create the table."""
    op.execute(
        """
        CREATE TABLE beers (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            name text NOT NULL,
            brewery text NOT NULL,
            style text NOT NULL,
            alcohol_percent double precision NOT NULL,
            UNIQUE (name, brewery)
        )
        """
    )


def downgrade() -> None:
    """Drop the table."""
    op.execute("DROP TABLE beers")
