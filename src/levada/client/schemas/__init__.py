"""Filters, sort orders and objects under the names that authors of other orchestrators know.

`filters` and `sorting` are what lists may be asked with; `translate` turns them into the queries of
`levada.wire.filters`, and says so when one asks for something that has no counterpart. `objects` names the views.
May import wire and core.
"""
