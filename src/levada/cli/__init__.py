"""The command `levada`: every noun of the product on the command line.

May import everything below, but late: `levada --help` loads this room's `main` and click, nothing else (a test in
`tests/shape` counts). One file per noun holds its commands in `command`; `main` knows names and one-line helps, so that
a file is loaded when its noun is called. A command takes text apart, asks the control plane of the home, and shows
what it is told through `output`; it decides nothing itself.
"""
