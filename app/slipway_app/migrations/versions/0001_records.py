"""Records: values by key."""

from alembic import op

revision = "0001_records"
down_revision = None


def upgrade() -> None:
    """Create the table."""
    op.execute("CREATE TABLE records (key text PRIMARY KEY, value text NOT NULL)")


def downgrade() -> None:
    """Drop the table."""
    op.execute("DROP TABLE records")
