"""A step that fails in its middle."""

from __future__ import annotations

from alembic import op

from levada.store.migrations.standing import HEAD

revision = "9001"
down_revision = HEAD
expands = True
rewrites: dict[str, tuple[str, ...]] = {}


def upgrade() -> None:
    op.execute("ALTER TABLE flows ADD COLUMN owner TEXT")
    op.execute("DROP TABLE not_there")


def downgrade() -> None:
    op.execute("ALTER TABLE flows DROP COLUMN owner")
