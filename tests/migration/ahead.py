"""A database of the Levada after this one: what today's code must live with while replicas are replaced one by one.

The revisions in `expanding/` stand for the next release that keeps to the rule of only expanding: every table gains a
column that may be left out, and there are new tables and indexes. Today's contract tests pass on it. `breaking/` stands
for one that does not keep to the rule: today's code must refuse it. `failing/` breaks off in the middle.

The other way round, `tests/migration/old_code.py TAG` takes the code and the contract tests of a release and runs them
on the schema of this tree. Both work through `LEVADA_TEST_ADVANCE`: a command that the contract tests give the address
(an URL, or the path of a file) of each database that they are about to use.

    python -m tests.migration.ahead ADDRESS            to the schema of this tree
    python -m tests.migration.ahead --beyond ADDRESS   to the one after it
"""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from levada.store.migrations.chain import Chain
    from levada.store.migrations.places import Place

ADVANCE_VARIABLE = "LEVADA_TEST_ADVANCE"
EXPANDING = Path(__file__).parent / "expanding"
BREAKING = Path(__file__).parent / "breaking"
FAILING = Path(__file__).parent / "failing"


def advance(place: Place, folder: Path = EXPANDING) -> Chain:
    """Bring a database, empty or not, to the schema of the Levada after this one."""
    from levada.store.migrations.chain import Chain  # lazy: every test run loads this module

    chain = Chain([folder])
    chain.upgrade(place)
    return chain


def prepare(home: Path, url: str | None) -> None:
    """Do with a database that a test is about to use what `LEVADA_TEST_ADVANCE` says; nothing when it is not set."""
    command = os.environ.get(ADVANCE_VARIABLE)
    if command is None:
        return
    if url is not None:
        _run(command, url)
    else:
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(_template(command), home / "levada.db")


@cache
def _template(command: str) -> Path:
    """The file that the command makes; made once, because a process for each test would take minutes."""
    folder = tempfile.mkdtemp(prefix="levada-ahead-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "levada.db"
    _run(command, str(path))
    return path


def _run(command: str, address: str) -> None:
    subprocess.run([*shlex.split(command), address], check=True, cwd=Path(__file__).parents[2])


def main() -> None:
    from levada.store.migrations.chain import Chain  # lazy: as above
    from levada.store.migrations.places import PostgresPlace, SqlitePlace  # lazy: as above

    address = sys.argv[-1]
    place: Place = PostgresPlace(address) if "://" in address else SqlitePlace(Path(address))
    Chain([EXPANDING] if "--beyond" in sys.argv else []).upgrade(place)


if __name__ == "__main__":
    main()
