"""The reference page of the services, from their registry."""

from __future__ import annotations

import tempfile
from pathlib import Path

from levada.control import ControlPlane
from levada.control.services.registry import SERVICES, describe_services
from levada.core.settings import Settings

_HEAD = """\
# Services

{note}

A server runs these loops beside answering, each in a thread of its own. `levada server services ls` shows them, and
`services.disabled` leaves some out; `levada server start --no-services` leaves all out, for a process that only
answers. They may run on any number of replicas at once: each locks what it changes, so that everything is done once.

| name | what it does | looks every | woken by |
|---|---|---|---|
"""

_FOOT = """
The interval varies by a tenth, so that replicas do not march in step. A service that fails says so in the log, counts
it ([figures](../how-to/metrics.md)) and goes on trying, at most five seconds apart. Stopping a server stops them within
a second; a turn that takes longer is left to its database transaction, which commits or does not.
"""


def services_page(note: str) -> str:
    """The text of `services.md`."""
    topics = {kind.name: ", ".join(sorted(kind.topics)) or "-" for kind in SERVICES}
    with tempfile.TemporaryDirectory() as folder, ControlPlane(Path(folder)) as plane:
        rows = [
            f"| `{one.name}` | {one.does} | {one.interval:g} s | {topics[one.name]} |\n"
            for one in describe_services(plane, Settings())
        ]
    return _HEAD.format(note=note) + "".join(rows) + _FOOT
