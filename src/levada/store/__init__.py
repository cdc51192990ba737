"""Rows: where what journals told is kept, so that it can be asked for.

May import wire and core. SQL and the words of a dialect appear in this room only. `base.Store` is the seam; SQLite is
the store of a home. A row is written by ingest inside one transaction with the cursor of the journal it came from, is
merged when more is known, and goes when its flow run is deleted.
"""
