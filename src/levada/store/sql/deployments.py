"""Rows of deployments and of their versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from levada.store.sql.connection import marks
from levada.store.sql.selection import bounded, decode_place, encode_place, pattern
from levada.wire.deployments import DeploymentQuery, NewDeployment

if TYPE_CHECKING:
    from levada.store.base import Transaction

MOST_COUNTED = 1000
"""Waiting runs of a deployment that are counted; no further costs no more."""

_ORDER = "deployments"
_encode = Encoder().encode
_decode_spec = Decoder(NewDeployment).decode


class DeploymentRow(NamedTuple):
    """A deployment. The columns are what lists filter by; `body` is all of it as it is now, without its schedules."""

    id: bytes
    flow: str
    name: str
    paused: int
    pool: str | None
    queue: str | None
    live: int
    """Number of the version that new runs get."""
    created: int
    updated: int
    body: bytes

    @property
    def spec(self) -> NewDeployment:
        """What it is; decoded at each asking."""
        return _decode_spec(self.body)


class VersionRow(NamedTuple):
    """What was deployed once; never changed. `body` is `VersionBody`."""

    deployment: bytes
    number: int
    digest: str
    created: int
    body: bytes


class VersionBody(Struct, omit_defaults=True):
    """What was deployed, and by whom."""

    spec: NewDeployment
    by: str = ""


_decode_version = Decoder(VersionBody).decode

_COLUMNS = ", ".join(DeploymentRow._fields)
_VERSION_COLUMNS = ", ".join(VersionRow._fields)


def packed(spec: NewDeployment) -> bytes:
    """The body of a deployment's row."""
    return _encode(spec)


def packed_version(spec: NewDeployment, by: str) -> bytes:
    """The body of a version's row."""
    return _encode(VersionBody(spec, by))


def version_of(row: VersionRow) -> VersionBody:
    """What stands in a version's row."""
    return _decode_version(row.body)


def deployments_named(rows: Callable[[str, Sequence[Any]], list[tuple[Any, ...]]], names: Sequence[str]) -> list[UUID]:
    """Ids of deployments by their names, or ``flow/name``.

    Args:
        rows: runs a statement.
        names: any number.
    """
    conditions: list[str] = []
    parameters: list[Any] = []
    _add_names(names, conditions, parameters)
    return [UUID(bytes=row[0]) for row in rows(f"SELECT id FROM deployments {_where(conditions)}", parameters)]


class DeploymentTable:
    """The tables `deployments` and `deployment_versions`, inside one transaction."""

    __slots__ = ("_execute",)

    def __init__(self, transaction: Transaction) -> None:
        self._execute = transaction.execute

    def load(self, ids: Iterable[bytes]) -> dict[bytes, DeploymentRow]:
        """The rows there are of these ids, at most a thousand."""
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        rows = self._execute(f"SELECT {_COLUMNS} FROM deployments WHERE id IN ({marks(wanted)})", wanted)
        return {row.id: row for row in map(_row, rows)}

    def get(self, deployment: bytes) -> DeploymentRow | None:
        """The row of an id, or None."""
        return self.load([deployment]).get(deployment)

    def named(self, flow: str, name: str) -> DeploymentRow | None:
        """The deployment of a flow under a name, or None."""
        rows = self._execute(f"SELECT {_COLUMNS} FROM deployments WHERE flow = ? AND name = ?", (flow, name))
        return _row(rows[0]) if rows else None

    def of_name(self, name: str, limit: int) -> list[DeploymentRow]:
        """Deployments of this name, of whatever flow."""
        sql = f"SELECT {_COLUMNS} FROM deployments WHERE name = ? ORDER BY flow LIMIT ?"
        return [_row(row) for row in self._execute(sql, (name, limit))]

    def insert(self, row: DeploymentRow) -> None:
        """Add a deployment."""
        self._execute(f"INSERT INTO deployments ({_COLUMNS}) VALUES ({marks(row)})", row)

    def update(self, row: DeploymentRow) -> None:
        """Replace all of a deployment but its names and when it was made."""
        self._execute(
            "UPDATE deployments SET paused = ?, pool = ?, queue = ?, live = ?, updated = ?, body = ? WHERE id = ?",
            (row.paused, row.pool, row.queue, row.live, row.updated, row.body, row.id),
        )

    def delete(self, deployment: bytes) -> None:
        """Remove a deployment with its versions."""
        self._execute("DELETE FROM deployment_versions WHERE deployment = ?", (deployment,))
        self._execute("DELETE FROM deployments WHERE id = ?", (deployment,))

    def page(
        self, query: DeploymentQuery, wanted: Callable[[DeploymentRow], bool] | None = None
    ) -> tuple[list[DeploymentRow], str | None]:
        """A page by flow and name, and the cursor of the next one.

        Args:
            query: which deployments; its tags are not looked at.
            wanted: drops rows for what stands in their bodies only.
        """
        limit = bounded(query.limit)
        after = decode_place(query.cursor, _ORDER, 2)
        found: list[DeploymentRow] = []
        while True:
            rows = self._rows(query, after, limit + 1)
            found += [row for row in rows if wanted is None or wanted(row)]
            if len(found) > limit:
                last = found[limit - 1]
                return found[:limit], encode_place(_ORDER, (last.flow, last.name))
            if len(rows) <= limit:
                return found, None
            after = [rows[-1].flow, rows[-1].name]

    def count(self, query: DeploymentQuery, wanted: Callable[[DeploymentRow], bool] | None = None) -> int:
        """How many rows a query finds, its limit and cursor aside."""
        conditions, parameters = _conditions(query)
        if wanted is None:
            counted: int = self._execute(f"SELECT count(*) FROM deployments {_where(conditions)}", parameters)[0][0]
            return counted
        rows = self._execute(f"SELECT {_COLUMNS} FROM deployments {_where(conditions)}", parameters)
        return sum(map(wanted, map(_row, rows)))

    def _rows(self, query: DeploymentQuery, after: Sequence[Any] | None, limit: int) -> list[DeploymentRow]:
        conditions, parameters = _conditions(query)
        if after is not None:
            conditions.append("(flow, name) > (?, ?)")
            parameters += after
        sql = f"SELECT {_COLUMNS} FROM deployments {_where(conditions)} ORDER BY flow, name LIMIT ?"
        return [_row(row) for row in self._execute(sql, (*parameters, limit))]

    # Versions

    def version(self, deployment: bytes, number: int) -> VersionRow | None:
        """One version, or None."""
        sql = f"SELECT {_VERSION_COLUMNS} FROM deployment_versions WHERE deployment = ? AND number = ?"
        rows = self._execute(sql, (deployment, number))
        return _version_row(rows[0]) if rows else None

    def versions(self, deployment: bytes) -> list[VersionRow]:
        """All versions, the newest first."""
        sql = f"SELECT {_VERSION_COLUMNS} FROM deployment_versions WHERE deployment = ? ORDER BY number DESC"
        return [_version_row(row) for row in self._execute(sql, (deployment,))]

    def last_number(self, deployment: bytes) -> int:
        """Number of the newest version; 0 when there is none."""
        sql = "SELECT coalesce(max(number), 0) FROM deployment_versions WHERE deployment = ?"
        number: int = self._execute(sql, (deployment,))[0][0]
        return number

    def add_version(self, row: VersionRow) -> None:
        """Add a version."""
        self._execute(f"INSERT INTO deployment_versions ({_VERSION_COLUMNS}) VALUES ({marks(row)})", row)

    # What runs of them do

    def last_runs(self, ids: Sequence[bytes]) -> dict[bytes, bytes]:
        """The newest run of each deployment that has one."""
        if not ids:
            return {}
        newest = "SELECT r.id FROM flow_runs AS r WHERE r.deployment = d.id ORDER BY r.id DESC LIMIT 1"
        sql = f"SELECT d.id, ({newest}) FROM deployments AS d WHERE d.id IN ({marks(ids)})"
        return {row[0]: row[1] for row in self._execute(sql, ids) if row[1] is not None}

    def work_of(self, ids: Sequence[bytes]) -> dict[bytes, tuple[int, int]]:
        """Waiting and executing runs of deployments; of those that wait at most `MOST_COUNTED` are counted."""
        if not ids:
            return {}
        waiting = f"SELECT 1 FROM work AS w WHERE w.deployment = d.id AND w.stage = 0 LIMIT {MOST_COUNTED}"
        active = "SELECT count(*) FROM work AS w WHERE w.deployment = d.id AND w.stage > 0"
        sql = (
            f"SELECT d.id, (SELECT count(*) FROM ({waiting}) AS few), ({active}) FROM deployments AS d "
            f"WHERE d.id IN ({marks(ids)})"
        )
        return {row[0]: (row[1], row[2]) for row in self._execute(sql, ids)}


def _row(row: Sequence[Any]) -> DeploymentRow:
    return DeploymentRow(*row)


def _version_row(row: Sequence[Any]) -> VersionRow:
    return VersionRow(*row)


def _where(conditions: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _conditions(query: DeploymentQuery) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    parameters: list[Any] = []
    wanted: tuple[tuple[str, Sequence[Any] | None], ...] = (
        ("id", None if query.ids is None else [identifier.bytes for identifier in query.ids]),
        ("flow", query.flow_names),
        ("pool", query.pools),
    )
    for column, values in wanted:
        if values is not None:
            conditions.append(f"{column} IN ({marks(values)})" if values else "1 = 0")
            parameters += values
    if query.names is not None:
        _add_names(query.names, conditions, parameters)
    if query.name_like is not None:
        conditions.append("lower(flow || '/' || name) LIKE lower(?) ESCAPE '\\'")
        parameters.append(pattern(query.name_like))
    if query.paused is not None:
        conditions.append("paused = ?")
        parameters.append(int(query.paused))
    return conditions, parameters


def _add_names(names: Sequence[str], conditions: list[str], parameters: list[Any]) -> None:
    """A name is one of a deployment, or a flow's and a deployment's with a slash between them."""
    pairs = [name.split("/", 1) for name in names]
    whole = [pair for pair in pairs if len(pair) == 2]
    bare = [pair[0] for pair in pairs if len(pair) == 1]
    either = [f"name IN ({marks(bare)})"] if bare else []
    either += ["(flow = ? AND name = ?)"] * len(whole)
    conditions.append(f"({' OR '.join(either)})" if either else "1 = 0")
    parameters += [*bare, *(part for pair in whole for part in pair)]
