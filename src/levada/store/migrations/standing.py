"""Where a database stands, seen from this code; pure, and cheap to load."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from levada.core.errors import ConfigurationError

HEAD = "0002"
"""The newest revision of the chain: what `schema.sql` makes."""

WORKS_WITH = "0002"
"""The oldest code, by its own `HEAD`, that works on a database at `HEAD`: the last revision that not only expanded."""

VERSION_QUERY = "SELECT version_num FROM alembic_version"

VERSION_TABLE = """\
CREATE TABLE alembic_version (
  version_num  VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)"""

WORKS_WITH_KEY = "schema.works_with"
"""Where the table `meta` keeps, as ASCII, the oldest code that can work with a database."""


class Found(NamedTuple):
    """What a database says about its schema."""

    version: str | None
    """Its revision; None when it has none."""
    works_with: str | None
    """The oldest code that can work with it."""
    stamped: bool
    """False when it is older than the chain itself, and `version` was concluded."""
    foreign: bool = False
    """Whether it holds tables, but not ours."""


class Standing(Enum):
    """A database, seen from this code."""

    EMPTY = "empty"
    """Nothing of Levada is in it."""

    OLDER = "older"
    """It has to be upgraded before this code can use it."""

    CURRENT = "current"
    """Nothing is to be done."""

    AHEAD = "ahead"
    """A newer Levada expanded it; this code works with it as it is."""

    TOO_NEW = "too new"
    """A newer Levada changed it in ways that this code does not understand."""


def standing(version: str | None, works_with: str | None, head: str = HEAD) -> Standing:
    """Where a database stands.

    Args:
        version: its revision; None when it has none.
        works_with: what its `meta` says about the oldest code.
        head: the newest revision that the code knows.
    """
    if version is None:
        return Standing.EMPTY
    if version == head:
        return Standing.CURRENT
    if version < head:
        return Standing.OLDER
    return Standing.AHEAD if works_with is not None and works_with <= head else Standing.TOO_NEW


def too_new(place: str, version: str, way_out: str, head: str = HEAD) -> ConfigurationError:
    """The error for a database that a newer Levada changed.

    Args:
        place: what to call the database.
        version: its revision.
        way_out: a second thing people can do, as the end of a sentence.
        head: the newest revision that the code knows.
    """
    return ConfigurationError(
        f"{place} was written by a newer Levada (its schema is revision {version}, this Levada knows up to {head}). "
        f"Upgrade Levada, or {way_out}."
    )


def must_be_upgraded(place: str, version: str) -> ConfigurationError:
    """The error for an older database that must not be upgraded on the way."""
    return ConfigurationError(
        f"The schema of {place} is revision {version}, this Levada needs {HEAD}. See what an upgrade will do with "
        "`levada database check`, then run `levada database upgrade`, or set database.upgrade_on_start."
    )
