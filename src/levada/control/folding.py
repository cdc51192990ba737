"""The picture of a flow run with its maps folded: only what is looked at is fetched.

A map of `FOLDED_FROM` items and more is one node, however many it has, with how many of them are in which state. What
its items called is folded away with them, and who waited for an item waited for the map. The items of one map are
asked for by its name, page by page; maps that were called in them are folded again.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING
from uuid import UUID

from levada.control.graph import begin, check_limit, no_cursor, nodes, page_of
from levada.control.picture import NONE
from levada.control.views import state_of
from levada.core.courtesy import give_way
from levada.core.errors import ObjectNotFound, RequestInvalid
from levada.core.ids import as_uuid
from levada.core.states import datetime_of, us_of
from levada.wire.objects import Graph, GraphNode

if TYPE_CHECKING:
    from datetime import datetime

    from levada.control.picture import MapPart, Picture
    from levada.core.states import StateType
    from levada.store.base import FlowRunRow, Transaction

MAPS = "maps"
"""What can be folded."""

_ID_SIZE = 16


def check_fold(fold: str | None) -> None:
    """Say when a graph cannot be folded like this."""
    if fold not in {None, MAPS}:
        raise RequestInvalid(
            f"A graph is folded by {MAPS!r} or not at all; fold={fold!r} was asked for.",
            (("$.fold", f"must be {MAPS!r}"),),
        )


def folded_graph(
    transaction: Transaction,
    picture: Picture,
    run: FlowRunRow,
    since: datetime | None,
    limit: int,
    cursor: str | None,
    map_id: str | None,
) -> Graph:
    """One page of the picture of a flow run whose maps are folded.

    Args:
        transaction: where the runs are; it began after the lock of the picture was taken.
        picture: what is known of the run's task runs.
        run: the flow run.
        since: only nodes that changed after this moment.
        limit: most nodes.
        cursor: `next` of the page before.
        map_id: the items of this map instead of what is in none.

    Raises:
        ObjectNotFound: there is no such map.
        RequestInvalid: the limit or the cursor cannot be used.
    """
    check_limit(limit)
    begun, after = begin(transaction, cursor)
    if cursor is None:
        picture.refresh(transaction)
    view = _View(transaction, picture, run, _container(picture, map_id))
    keys = sorted(view.keyed(None if since is None else us_of(since)).items())
    if after is not None:
        keys = [each for each in keys if each[0] > _place(after, cursor)]
    page = keys[:limit]
    following = page[-1][0].hex() if len(keys) > limit else None
    return page_of(run, view.drawn([stands for _, stands in page]), begun, following)


def map_node_id(run: bytes, map_id: bytes) -> bytes:
    """The id of a map's node; maps of the same name in two runs have two."""
    return blake2b(run + map_id, digest_size=_ID_SIZE).digest()


def _container(picture: Picture, map_id: str | None) -> int:
    if map_id is None:
        return NONE
    try:
        number = picture.map_number(bytes.fromhex(map_id))
    except ValueError:
        number = NONE
    if number == NONE:
        raise ObjectNotFound(f"There is no map {map_id!r} in flow run {UUID(bytes=picture.run)}.")
    return number


def _place(text: str, cursor: str | None) -> bytes:
    try:
        place = bytes.fromhex(text)
    except ValueError:
        raise no_cursor(cursor or text) from None
    return place


class _View:
    """What is shown of a picture: what stands in one map, or outside of all."""

    def __init__(self, transaction: Transaction, picture: Picture, run: FlowRunRow, container: int) -> None:
        self._transaction = transaction
        self._picture = picture
        self._run = run
        self._container = container

    def keyed(self, since: int | None) -> dict[bytes, int]:
        """The ids of the nodes, each with what it is in the picture."""
        picture, container = self._picture, self._container
        shown = picture.shown(container) if since is None else picture.shown_since(since, container)
        return {self._id(stands): stands for stands in shown}

    def drawn(self, shown: list[int]) -> list[GraphNode]:
        """The nodes in this order."""
        singles = [self._picture.ids[place] for place in shown if place >= 0]
        rows = self._transaction.task_runs.load(singles)
        drawn = {node.id: node for node in nodes(self._transaction, self._run, list(rows.values()))}
        for node in drawn.values():
            node.parents = self._visible(node.parents)
            if node.encapsulating is not None:
                node.encapsulating = self._visible([node.encapsulating])[0]
        calls = self._transaction.task_runs.calls(self._part(stands).call for stands in shown if stands < 0)
        made = []
        for stands in shown:
            if stands < 0:
                made.append(self._map_node(self._part(stands), calls))
                continue
            single = drawn.get(as_uuid(self._picture.ids[stands]))
            if single is not None:
                made.append(single)
        return made

    def _map_node(self, part: MapPart, calls: dict[int, tuple[str, str | None]]) -> GraphNode:
        give_way()
        started, ended = self._picture.times_of(part)
        states: dict[StateType, int] = {}
        for code, count in part.states.items():
            kind = state_of(code)
            if kind is not None:
                states[kind] = count
        parents = {self._standing(place) for place in self._picture.parents_of(part)}
        caller = None if part.caller == NONE else as_uuid(self._standing(part.caller))
        return GraphNode(
            as_uuid(map_node_id(self._picture.run, part.map_id)),
            "map",
            calls.get(part.call, ("", None))[0].rpartition("/")[2],
            start_time=None if started is None else datetime_of(started),
            end_time=None if ended is None else datetime_of(ended),
            parents=[as_uuid(parent) for parent in sorted(parents)],
            encapsulating=caller,
            map_id=part.map_id.hex(),
            size=len(part.items),
            states=dict(sorted(states.items())),
        )

    def _visible(self, tasks: list[UUID]) -> list[UUID]:
        """Task runs as they are shown, each once; one that is not in the picture stays as it is."""
        places = self._picture.places
        shown = []
        for task in tasks:
            place = places.get(task.bytes)
            shown.append(task if place is None else as_uuid(self._standing(place)))
        return list(dict.fromkeys(shown))

    def _standing(self, place: int) -> bytes:
        """The id of what stands for a task run here, or outside of all maps when it is not here."""
        stands = self._picture.standing_in(place, self._container)
        return self._id(self._picture.outermost(place) if stands is None else stands)

    def _part(self, stands: int) -> MapPart:
        return self._picture.maps[-2 - stands]

    def _id(self, stands: int) -> bytes:
        if stands >= 0:
            return self._picture.ids[stands]
        return map_node_id(self._picture.run, self._part(stands).map_id)
