"""Every table gains a column that may be left out; there is a new table."""

from __future__ import annotations

import sqlalchemy
from alembic import op

from levada.store.migrations.standing import HEAD

revision = "9001"
down_revision = HEAD
expands = True
rewrites: dict[str, tuple[str, ...]] = {}


def upgrade() -> None:
    for table in _tables():
        op.add_column(table, sqlalchemy.Column("from_the_future", sqlalchemy.Text(), server_default="yes"))
    op.create_table("future", sqlalchemy.Column("id", sqlalchemy.LargeBinary(), primary_key=True))
    op.create_index("flow_runs_by_future", "flow_runs", ["from_the_future"])


def downgrade() -> None:
    op.drop_index("flow_runs_by_future", "flow_runs")
    op.drop_table("future")
    for table in _tables():
        op.drop_column(table, "from_the_future")


def _tables() -> list[str]:
    """Ours; not the shadow tables of a full-text index, and no partitions, which get the column from their parent."""
    bind = op.get_bind()
    if bind.dialect.name == "sqlite":
        query = (
            "SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main' "
            "AND name NOT LIKE 'sqlite_%' AND name NOT IN ('alembic_version', 'future')"
        )
    else:
        query = (
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
            "AND relnamespace = current_schema()::regnamespace AND relname NOT IN ('alembic_version', 'future')"
        )
    return [name for (name,) in bind.exec_driver_sql(query).fetchall()]
