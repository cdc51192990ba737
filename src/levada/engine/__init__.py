"""How a run goes: attempts, retries, caching, timeouts, hooks, written once and without colour.

A run is a generator that yields commands (call the user's code, sleep, wait for futures, acquire slots, run a hook)
and is sent their replies; `drivers` holds the only two places that block or await. May import core, wire, journal and
the vocabulary tier of the face (futures, results, transactions, …); never flows or tasks, client, control or store.
"""
