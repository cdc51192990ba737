"""How a database gets from one schema to the next: one Alembic chain for SQLite and PostgreSQL.

May import what the store may. `levada.store.migrations.standing` is light: it knows which revision this Levada needs
and whether a database of another one can be worked with. Opening a database that is up to date loads nothing else.
`levada.store.migrations.chain` is loaded when a database is older, or by `levada database`. A new database is made from
the dialect's `schema.sql` and stamped; a test proves that the chain leads to the same tables.

A revision either only *expands* the schema (new tables, new columns that may be left out, new indexes), so that
older code keeps working on it while replicas are replaced one by one, or it does not, and then says so
(`expands = False`) and older code refuses the database with the way out.
"""
