"""The chain of revisions, and walking along it. Alembic and SQLAlchemy are loaded with this module."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from msgspec import Struct

from levada.core.errors import ConfigurationError, ObjectNotFound
from levada.store.migrations.places import Place
from levada.store.migrations.standing import VERSION_TABLE, WORKS_WITH_KEY, Found, Standing, standing, too_new

Told = Callable[[str], None]
"""Is told in a sentence what is being done."""

_WAY_OUT = "use another database"

_one_at_a_time = threading.Lock()
"""Alembic keeps what it works on in module variables."""


class Revision(Struct, frozen=True):
    """One step of the chain.

    Attributes:
        id: its name; later ones sort later.
        summary: what it is for, in one sentence.
        expands: whether older code keeps working on its result.
        rewrites: tables of which it writes every row anew, by dialect.
    """

    id: str
    summary: str
    expands: bool
    rewrites: dict[str, tuple[str, ...]]


class Rewrite(Struct, frozen=True):
    """A table that a step writes anew.

    Attributes:
        table: its name.
        rows: about how many rows it has.
    """

    table: str
    rows: int


class PendingRevision(Struct, frozen=True):
    """A step that an upgrade will take.

    Attributes:
        id: of the revision.
        summary: what it is for.
        expands: whether processes of the Levada before it can stay until they are replaced.
        rewrites: tables that it writes anew; nobody can write to them meanwhile.
    """

    id: str
    summary: str
    expands: bool
    rewrites: list[Rewrite]


class CheckReport(Struct, frozen=True):
    """Where a database stands, and what an upgrade will do.

    Attributes:
        database: what it is called.
        dialect: `sqlite` or `postgresql`.
        standing: see `Standing`; `foreign` when its tables are not ours.
        revision: of the database.
        head: the revision this Levada needs.
        works_with: the oldest code, by the revision it needs, that can work with the database.
        pending: the steps of an upgrade, in order.
    """

    database: str
    dialect: str
    standing: str
    revision: str | None
    head: str
    works_with: str | None
    pending: list[PendingRevision]

    @property
    def usable(self) -> bool:
        """Whether this Levada can work with the database as it is."""
        return self.standing in {Standing.CURRENT.value, Standing.AHEAD.value}


class Chain:
    """All revisions, oldest first.

    Args:
        beyond: folders with more of them; for tests of what comes next.
    """

    def __init__(self, beyond: Sequence[Path] = ()) -> None:
        home = Path(__file__).parent
        self._script = ScriptDirectory(str(home), version_locations=[str(home / "versions"), *map(str, beyond)])
        self._beyond = beyond
        self.revisions = [_revision(script) for script in reversed(list(self._script.walk_revisions()))]
        self.head = self.revisions[-1].id

    def works_with(self, version: str) -> str:
        """The oldest code that can work with a database at a revision: the last one that did not only expand."""
        return max(one.id for one in self.revisions if one.id <= version and not one.expands)

    def check(self, place: Place) -> CheckReport:
        """Where a database stands, and what `upgrade` would do."""
        found = place.look()
        stands = standing(found.version, found.works_with, self.head)
        after = found.version or ""
        pending = [one for one in self.revisions if one.id > after] if stands is Standing.OLDER else []
        rows = place.estimates() if pending else {}
        return CheckReport(
            database=place.name,
            dialect=place.dialect,
            standing="foreign" if found.foreign else stands.value,
            revision=found.version,
            head=self.head,
            works_with=found.works_with,
            pending=[
                PendingRevision(
                    one.id, one.summary, one.expands,
                    [Rewrite(table, rows.get(table, 0)) for table in one.rewrites.get(place.dialect, ())],
                )
                for one in pending
            ],
        )  # fmt: skip

    def bring_up_to_date(self, place: Place, told: Told | None = None) -> Standing:
        """Make or upgrade a database, whatever it is; safe from any number of processes at once.

        Returns:
            Where it stood before.

        Raises:
            ConfigurationError: a newer Levada changed it in ways this one does not understand, or it is not ours.
        """
        with place.connected() as connection:
            # Only now, with the lock held, does what the database says count.
            found = self._found(place, connection)
            stands = standing(found.version, found.works_with, self.head)
            if stands is Standing.TOO_NEW:
                raise too_new(place.name, str(found.version), _WAY_OUT, self.head)
            if stands is Standing.EMPTY and not self._beyond:
                self._make(place, connection)
            elif stands in {Standing.EMPTY, Standing.OLDER}:
                self._walk(connection, found, "head", told, command.upgrade)
        return stands

    def upgrade(self, place: Place, to: str = "head", told: Told | None = None) -> list[str]:
        """Take a database along the chain, up to a revision; the revisions that were applied.

        Raises:
            ConfigurationError: there is no such revision, or the database is too new or not ours.
        """
        target = self._known(to)
        if target == self.head:
            before = place.look().version or ""
            if self.bring_up_to_date(place, told) in {Standing.CURRENT, Standing.AHEAD}:
                return []
            return [one.id for one in self.revisions if one.id > before]
        with place.connected() as connection:
            found = self._found(place, connection)
            if found.version is not None and found.version > target:
                raise ConfigurationError(
                    f"{place.name} is at revision {found.version}, which is beyond {target}; "
                    f"`levada database downgrade {target}` goes back."
                )
            self._walk(connection, found, target, told, command.upgrade)
            return [one.id for one in self.revisions if (found.version or "") < one.id <= target]

    def downgrade(self, place: Place, to: str, told: Told | None = None) -> list[str]:
        """Take a database back to an earlier revision; the revisions that were taken back.

        Raises:
            ConfigurationError: there is no such revision, it is not an earlier one, or a step cannot be taken back.
        """
        target = self._known(to)
        with place.connected() as connection:
            found = self._found(place, connection)
            if found.version is None or found.version > self.head or found.version < target:
                raise ConfigurationError(f"{place.name} is at revision {found.version}; {target} is not before it.")
            self._walk(connection, found, target, told, command.downgrade)
            return [one.id for one in reversed(self.revisions) if target < one.id <= found.version]

    def stamp(self, place: Place, to: str) -> None:
        """Say that a database is at a revision, without changing its tables.

        Raises:
            ConfigurationError: there is no such revision, or the database is empty.
        """
        target = self._known(to)
        with place.connected() as connection:
            if self._found(place, connection).version is None and not _has_table(connection, "meta"):
                raise ConfigurationError(f"{place.name} has none of our tables; `levada database upgrade` makes them.")
            self._stamp(connection, target)

    def reset(self, place: Place) -> None:
        """Remove everything in a database and make its tables anew, in one transaction.

        Raises:
            ConfigurationError: what is in it is not ours.
        """
        with place.connected() as connection:
            self._found(place, connection)
            place.empty(connection)
            self._make(place, connection)

    def _make(self, place: Place, connection: sqlalchemy.Connection) -> None:
        place.make(connection)
        self._stamp(connection, self.head)

    def _known(self, name: str) -> str:
        if name == "head":
            return self.head
        if all(one.id != name for one in self.revisions):
            there_are = ", ".join(one.id for one in self.revisions)
            raise ObjectNotFound(f"There is no revision {name!r}; there are {there_are} and head.")
        return name

    def _found(self, place: Place, connection: sqlalchemy.Connection) -> Found:
        found = place.look_through(connection.connection.dbapi_connection)
        if found.foreign:
            raise ConfigurationError(
                f"{place.name} holds tables that are not of Levada, or of a version of it that is not known. "
                "Give Levada a database of its own."
            )
        return found

    def _walk(
        self, connection: sqlalchemy.Connection, found: Found, to: str, told: Told | None, walk: Callable[..., None]
    ) -> None:
        if found.version is not None and not found.stamped:
            self._stamp(connection, found.version)
        by_id = {one.id: one for one in self.revisions}

        def applied(*, step: Any, **_: Any) -> None:
            if told is not None:
                changed = by_id[step.up_revision_id if step.is_upgrade else step.down_revision_ids[0]]
                told(f"{changed.id}: {changed.summary}")

        config = Config()
        config.attributes.update(connection=connection, applied=applied)
        with _one_at_a_time:
            config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
            if self._beyond:
                folders = [Path(__file__).parent / "versions", *self._beyond]
                config.set_main_option("path_separator", "newline")
                config.set_main_option("version_locations", "\n".join(map(str, folders)).replace("%", "%%"))
            walk(config, to)
        row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").fetchone()
        if row is not None:
            self._note_works_with(connection, str(row[0]))

    def _stamp(self, connection: sqlalchemy.Connection, version: str) -> None:
        if not _has_table(connection, "alembic_version"):
            connection.exec_driver_sql(VERSION_TABLE)
        connection.exec_driver_sql("DELETE FROM alembic_version")
        connection.execute(sqlalchemy.text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})
        self._note_works_with(connection, version)

    def _note_works_with(self, connection: sqlalchemy.Connection, version: str) -> None:
        if not _has_table(connection, "meta"):
            return  # PostgreSQL at 0001: nothing is there yet
        words = {"key": WORKS_WITH_KEY, "value": self.works_with(version).encode("ascii")}
        connection.execute(sqlalchemy.text("DELETE FROM meta WHERE key = :key"), {"key": WORKS_WITH_KEY})
        connection.execute(sqlalchemy.text("INSERT INTO meta (key, value) VALUES (:key, :value)"), words)


def _has_table(connection: sqlalchemy.Connection, name: str) -> bool:
    return sqlalchemy.inspect(connection).has_table(name)


def _revision(script: Script) -> Revision:
    module: Any = script.module
    summary = " ".join((module.__doc__ or "").split("\n\n")[0].split())
    return Revision(script.revision, summary, module.expands, module.rewrites)
