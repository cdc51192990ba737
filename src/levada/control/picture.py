"""Pictures of flow runs: of each task run what a folded graph needs, kept from one question to the next.

Which map a task run is an item of stands in its body, so that saying how many items of a map are in which state means
decoding them all: most of a second for a hundred thousand. Whoever looks at a graph asks again every second. So what
was read is kept, and a question reads only the rows that changed since the one before. A picture is a copy for speed:
it can be thrown away at any time, and each server has its own.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING

from levada.control.views import task_moments
from levada.core.courtesy import give_way
from levada.core.ids import as_uuid
from levada.store.base import FIRST_FINAL_STATE, UNKNOWN_STATE
from levada.store.bodies import TaskOutline
from levada.wire.filters import TaskRunQuery

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from levada.store.base import TaskRunRow, Transaction

FOLDED_FROM = 8
"""The fewest items of a map that becomes one node."""

OVERLAP_US = 5_000_000
"""How far back to look for changes that others could not see yet: longer than a writing transaction takes."""

MOST_KEPT = 250_000
"""Task runs in all pictures together, about 200 bytes each; the pictures not asked for longest go first."""

READ_AT_ONCE = 5_000

NONE = -1
NEVER = 0


class MapPart:
    """A map in a picture.

    Attributes:
        map_id: its name within the run.
        items: the places of its items.
        call: number of what it called.
        caller: the place of the task run in which it was called; `NONE` when there is none.
        states: how many items are in which state code.
        going: how many items have not ended.
        parent_maps, parents: what its items waited for: maps by number, and places.
        awaited: ids of what its items waited for that are not in the picture yet.
    """

    __slots__ = ("awaited", "call", "caller", "going", "items", "map_id", "parent_maps", "parents", "states", "times")

    def __init__(self, map_id: bytes) -> None:
        self.map_id = map_id
        self.items = array("i")
        self.call = 0
        self.caller = NONE
        self.states: dict[int, int] = {}
        self.going = 0
        self.parent_maps: set[int] = set()
        self.parents: dict[int, None] = {}
        self.awaited: dict[bytes, None] = {}
        self.times: tuple[int | None, int | None] | None = None

    @property
    def is_folded(self) -> bool:
        """Whether it has enough items to be one node."""
        return len(self.items) >= FOLDED_FROM


class Picture:
    """The task runs of one flow run. A **place** is the index of a task run; places are never given anew.

    Attributes:
        lock: held by who reads or refreshes it.
        ids, changed: by place.
        maps: the maps, by number.
    """

    def __init__(self, run: bytes) -> None:
        self.lock = threading.Lock()
        self.run = run
        self.ids: list[bytes] = []
        self.places: dict[bytes, int] = {}
        self.maps: list[MapPart] = []
        self._numbers: dict[bytes, int] = {}
        self._map_of = array("i")
        self._callers = array("i")
        self._states = bytearray()
        self._started = array("q")
        self._ended = array("q")
        self._changed = array("q")
        self._called: list[int] = []
        self._lost: dict[bytes, list[int]] = {}
        self._log_moments = array("q")
        self._log_places = array("i")
        self._seen: int | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def refresh(self, transaction: Transaction) -> None:
        """Take in what changed since the last time. The lock is held, and was before the transaction began to read."""
        begun = transaction.now
        if self._seen is None:
            self._read_all(transaction)
        else:
            self._read_changes(transaction, self._seen)
        self._seen = begun - OVERLAP_US

    def _read_all(self, transaction: Transaction) -> None:
        """Take in all task runs, oldest first: what waited mostly comes after what it waited for."""
        cursor = None
        while True:
            query = TaskRunQuery(flow_run_ids=[as_uuid(self.run)], limit=READ_AT_ONCE, cursor=cursor)
            page = transaction.task_runs.page(query)
            self._take_all(page.rows)
            cursor = page.next
            if cursor is None:
                break
        self._sort_log()

    def _read_changes(self, transaction: Transaction, since: int) -> None:
        cursor = None
        while True:
            page = transaction.task_runs.changed_since(self.run, since, READ_AT_ONCE, cursor)
            self._take_all(page.rows)
            cursor = page.next
            if cursor is None:
                return

    # What it shows -------------------------------------------------------------------------------------------------

    def map_number(self, map_id: bytes) -> int:
        """The number of a map; `NONE` when there is none of this name."""
        return self._numbers.get(map_id, NONE)

    def shown(self, container: int) -> set[int]:
        """All that stands in a map (by number), or outside of all maps (`NONE`), as `standing_in` names it."""
        if container != NONE:
            return self._all_within([*self.maps[container].items, *self._called], container)
        folded = [part.is_folded for part in self.maps]
        places = (place for place, number in enumerate(self._map_of) if number == NONE or not folded[number])
        found = self._all_within(places, NONE)
        for part in self.maps:
            if part.is_folded:
                found.add(self.outermost(part.items[0]))
        return found

    def shown_since(self, since: int, container: int) -> set[int]:
        """Of `shown`, what changed after a moment; with it, what may have changed a little before."""
        first = bisect_right(self._log_moments, since)
        return self._all_within(set(self._log_places[first:]), container)

    def standing_in(self, place: int, container: int) -> int | None:
        """What stands for a task run in a container: its place, or `-2 - n` for map n; None when it is elsewhere."""
        stands = place
        if container != NONE and self._map_of[place] == container:
            return place
        while True:
            number = self._around(place)
            if number == container:
                return stands
            if number == NONE:
                return None
            stands = -2 - number
            place = self.maps[number].caller

    def outermost(self, place: int) -> int:
        """What stands for a task run where no map is opened."""
        found = self.standing_in(place, NONE)
        return place if found is None else found

    def parents_of(self, part: MapPart) -> set[int]:
        """What the items of a map waited for, as far as it is in the picture; of a folded map its first item."""
        for task in list(part.awaited):
            if task in self.places:
                del part.awaited[task]
                self._link(part, task)
        found = {self.maps[number].items[0] for number in part.parent_maps if self.maps[number].is_folded}
        return found.union(part.parents)

    def times_of(self, part: MapPart) -> tuple[int | None, int | None]:
        """When the first item of a map started, and when the last ended; None while one goes on."""
        if part.times is None:
            started = [self._started[item] for item in part.items if self._started[item] != NEVER]
            ended = max(self._ended[item] for item in part.items)
            part.times = min(started, default=None), ended or None
        started_at, ended_at = part.times
        return started_at, None if part.going else ended_at

    def _all_within(self, places: Iterable[int], container: int) -> set[int]:
        found = {self.standing_in(place, container) for place in places}
        found.discard(None)
        return found  # type: ignore[return-value]

    def _around(self, place: int) -> int:
        """The innermost folded map that a task run, or what called it, is an item of; `NONE` when there is none."""
        while place != NONE:
            number = self._map_of[place]
            if number != NONE and self.maps[number].is_folded:
                return number
            place = self._callers[place]
        return NONE

    # What it takes in ----------------------------------------------------------------------------------------------

    def _take_all(self, rows: Sequence[TaskRunRow]) -> None:
        for row in rows:
            give_way()
            self._take(row)

    def _take(self, row: TaskRunRow) -> None:
        place = self.places.get(row.id)
        if place is not None and (self._changed[place], self._states[place]) == (row.changed, row.state):
            return
        body = TaskOutline.decode(row.body)
        started, ended = task_moments(row.id, row.state, body.entries)
        if place is None:
            place = self._add(row, body)
        self._changed[place] = row.changed
        number = self._map_of[place]
        if number != NONE:
            self._count(self.maps[number], place, row.state, started or NEVER, ended or NEVER)
        self._states[place] = row.state
        self._started[place] = started or NEVER
        self._ended[place] = ended or NEVER
        self._note(place, row.changed)

    def _add(self, row: TaskRunRow, body: TaskOutline) -> int:
        place = len(self.ids)
        self.ids.append(row.id)
        self.places[row.id] = place
        self._states.append(UNKNOWN_STATE)
        for column in (self._started, self._ended, self._changed):
            column.append(NEVER)
        self._callers.append(NONE)
        self._map_of.append(NONE)
        if body.parent_task is not None:
            self._put_caller(place, body.parent_task)
        if body.map_id is not None:
            self._add_item(place, row.call, body)
        for called in self._lost.pop(row.id, ()):
            self._call(called, place)
        return place

    def _add_item(self, place: int, call: int, body: TaskOutline) -> None:
        number = self._numbers.get(body.map_id or b"")
        if number is None:
            number = self._numbers[body.map_id or b""] = len(self.maps)
            self.maps.append(MapPart(body.map_id or b""))
        part = self.maps[number]
        part.items.append(place)
        part.call = part.call or call
        part.caller = self._callers[place] if part.caller == NONE else part.caller
        self._map_of[place] = number
        for sources in (body.inputs or {}).values():
            for source in sources:
                self._link(part, source)
        # Counted as one of an unknown state that goes on; what it is in truth comes next.
        part.going += 1
        part.states[UNKNOWN_STATE] = part.states.get(UNKNOWN_STATE, 0) + 1

    def _link(self, part: MapPart, source: bytes) -> None:
        place = self.places.get(source)
        if place is None:
            part.awaited[source] = None
            return
        number = self._map_of[place]
        if number != NONE:
            part.parent_maps.add(number)
        if number == NONE or not self.maps[number].is_folded:
            part.parents[place] = None

    def _count(self, part: MapPart, place: int, state: int, started: int, ended: int) -> None:
        before = self._states[place]
        part.states[before] -= 1
        if not part.states[before]:
            del part.states[before]
        part.states[state] = part.states.get(state, 0) + 1
        part.going += _goes_on(state) - _goes_on(before)
        if self._started[place] != started or self._ended[place] != ended:
            part.times = None

    def _put_caller(self, place: int, caller: bytes) -> None:
        known = self.places.get(caller)
        self._called.append(place)
        if known is None:
            self._lost.setdefault(caller, []).append(place)
        else:
            self._call(place, known)

    def _call(self, place: int, caller: int) -> None:
        self._callers[place] = caller
        number = self._map_of[place]
        if number != NONE and self.maps[number].caller == NONE:
            self.maps[number].caller = caller

    def _note(self, place: int, changed: int) -> None:
        """Write down that a task run changed; the moments only grow, so that they can be searched."""
        last = self._log_moments[-1] if self._log_moments else changed
        self._log_moments.append(max(last, changed))
        self._log_places.append(place)
        if len(self._log_places) > 4 * len(self.ids) + READ_AT_ONCE:
            self._sort_log()

    def _sort_log(self) -> None:
        """Write the log anew: of each task run only its last change."""
        self._log_places = array("i", sorted(range(len(self.ids)), key=self._changed.__getitem__))
        self._log_moments = array("q", (self._changed[place] for place in self._log_places))


def _goes_on(state: int) -> bool:
    return state == UNKNOWN_STATE or state < FIRST_FINAL_STATE


class Pictures:
    """The pictures that were asked for lately."""

    def __init__(self, most_kept: int = MOST_KEPT) -> None:
        self._lock = threading.Lock()
        self._most_kept = most_kept
        self._kept: OrderedDict[bytes, Picture] = OrderedDict()

    def of(self, run: bytes) -> Picture:
        """The picture of a run; an empty one when it was not asked for lately."""
        with self._lock:
            picture = self._kept.setdefault(run, Picture(run))
            self._kept.move_to_end(run)
            self._make_room()
            return picture

    def _make_room(self) -> None:
        size = sum(map(len, self))
        while size > self._most_kept and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            size -= len(dropped)

    def __iter__(self) -> Iterator[Picture]:
        return iter(self._kept.values())
