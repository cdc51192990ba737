"""The tables in SQL, once for all databases.

One module per table over a `Connection`; what databases do differently stands behind its `Dialect`. `store/sqlite` and
`store/postgres` bring connections, a dialect and a schema.
"""
