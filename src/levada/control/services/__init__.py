"""The loops that a control plane runs beside answering: one service per file, all of one shape (`base`).

`registry` lists them, `host` runs them. The life of a service: made from settings, started, `run_once` again and again
(by interval, by announcement, at once when there is more), stopped within a second. Any number of replicas run the
same services on one database; each turn locks what it changes. Imports control, store, wire, core; nothing of the
server.
"""
