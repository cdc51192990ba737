"""Values and laws: what a state, an identity, a retry decision or a name *is*.

May import the standard library and msgspec, nothing else of Levada; `schedules` alone also cronsim and dateutil, and
only who asks for schedules loads it. Nothing here reads a clock, opens a file or
keeps global state: laws take values and return values, so that every one of them is tested without a database,
a process or a sleep.
"""
