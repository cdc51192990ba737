"""Servers under load: Levada's and Prefect's, each on SQLite and on PostgreSQL, asked the same things in one run.

`python -m benchmarks servers` starts one server at a time, fills it, asks it, and stops it. The figures are requests a
second and latencies as a client sees them, and the processor time that the server's processes took.
"""
