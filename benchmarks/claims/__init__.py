"""How fast runs of work pools are given to workers, on either database.

No server and no processes: many workers, threads here, ask one control plane for runs of one pool, as its handlers
would. May import: levada.
"""
