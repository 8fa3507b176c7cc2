"""Users, their tasks, and the tasks' attachments."""

from alembic import op

revision = "0003_tasks"
down_revision = "0002_beers"


def upgrade() -> None:
    """Create the tables."""
    op.execute(
        """
        CREATE TABLE users (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            name text NOT NULL,
            email text NOT NULL,
            profile_image_key text,
            profile_image_type text,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX users_email_key ON users (lower(email))")
    op.execute(
        """
        CREATE TABLE tasks (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            title text NOT NULL,
            description text NOT NULL,
            status text NOT NULL CHECK (status IN ('todo', 'in_progress', 'done')),
            due_date date,
            user_id bigint REFERENCES users ON DELETE SET NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX tasks_user_id_index ON tasks (user_id, id)")
    op.execute(
        """
        CREATE TABLE attachments (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            task_id bigint NOT NULL REFERENCES tasks,
            file_name text NOT NULL,
            content_type text NOT NULL,
            size_bytes bigint NOT NULL,
            object_key text NOT NULL UNIQUE,
            created_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX attachments_task_id_index ON attachments (task_id, id)")


def downgrade() -> None:
    """Drop the tables."""
    op.execute("DROP TABLE attachments, tasks, users")
