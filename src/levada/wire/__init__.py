"""Everything that crosses a process or HTTP boundary, as msgspec Structs: the one schema.

May import `levada.core`. `records` is what a run writes into its journal; `objects` is what queries give back;
`filters` is what they are asked with.
"""
