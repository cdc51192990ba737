"""Rows: where what journals told is kept, so that it can be asked for.

May import wire and core. SQL and the words of a dialect appear in this room only. `base.Store` is the seam; SQLite is
the store of a home. A row is written by ingest inside one transaction with the cursor of the journal it came from, is
merged when more is known, and goes when its flow run is deleted.

`opening.open_store` opens what the settings name: the file of a home (`sqlite`) or a server's database (`postgres`).
The tables stand in `sql`, once for both; `migrations` takes an older database to the present schema.
"""
