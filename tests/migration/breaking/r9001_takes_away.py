"""A column that today's code writes is gone."""

from __future__ import annotations

from alembic import op

from levada.store.migrations.standing import HEAD

revision = "9001"
down_revision = HEAD
expands = False
rewrites: dict[str, tuple[str, ...]] = {}


def upgrade() -> None:
    op.execute("ALTER TABLE meta ADD COLUMN owner TEXT")
    op.execute("ALTER TABLE variables DROP COLUMN tags")


def downgrade() -> None:
    op.execute("ALTER TABLE variables ADD COLUMN tags BYTEA")
