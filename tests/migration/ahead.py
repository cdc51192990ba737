"""A database of the Levada after this one: what today's code must live with while replicas are replaced one by one.

The revisions in `expanding/` stand for the next release that keeps to the rule of only expanding: every table gains a
column that may be left out, and there are new tables and indexes. Today's contract tests pass on it. `breaking/` stands
for one that does not keep to the rule: today's code must refuse it. `failing/` breaks off in the middle.
"""

from __future__ import annotations

from pathlib import Path

from levada.store.migrations.chain import Chain
from levada.store.migrations.places import Place

EXPANDING = Path(__file__).parent / "expanding"
BREAKING = Path(__file__).parent / "breaking"
FAILING = Path(__file__).parent / "failing"


def advance(place: Place, folder: Path = EXPANDING) -> Chain:
    """Bring a database, empty or not, to the schema of the Levada after this one."""
    chain = Chain([folder])
    chain.upgrade(place)
    return chain
