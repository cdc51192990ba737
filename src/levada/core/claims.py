"""The law of claims: which waiting runs go to which workers, and what holds the others up.

Waiting runs are grouped in *lanes*: all that the same limits, needs and place hold up alike. So the first of a lane
tells for all of it, and a hundred thousand runs behind one limit cost as much as one. Nothing here is counted: what a
limit holds is told by whoever asks, from the runs that were taken and have not ended.

The order in which runs are taken: the priority of their queue (1 first); their own priority, to which one is added
for each `ageing` seconds that they have waited, so that no run of a queue waits for ever behind more important ones;
then whose fairness key holds least for its weight; then who was due first. A run that cannot be taken holds nobody up.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

AGEING_SECONDS: Final = 300.0
"""A run that has waited for so long counts as one priority higher."""

_ROUNDING: Final = 1e-9


class Head(Struct, frozen=True, array_like=True):
    """A run that waits at the front of its lane.

    Attributes:
        run: its id.
        priority: higher ones are taken first.
        due: microseconds since 1970.
    """

    run: bytes
    priority: int
    due: int


class Needed(Struct, frozen=True):
    """What a run needs of its worker, or what a worker has free; None where it is not counted."""

    cpu: float | None = None
    memory: float | None = None
    gpu: float | None = None
    labels: frozenset[str] = frozenset()


class Lane(Struct, frozen=True, kw_only=True):
    """A kind of waiting runs.

    Attributes:
        key: names it.
        queue: its queue.
        rank: priority of that queue; 1 is served first.
        limits: names of all limits that its runs are held by.
        needs: what each of its runs needs.
        deployment: of its runs.
        fairness, weight: lanes of one queue with different keys take turns, so large as the weights say.
        closed: why nothing of it may be taken now, e.g. ``queue-paused``; empty when it may.
    """

    key: bytes
    queue: str
    rank: int = 1
    limits: tuple[str, ...] = ()
    needs: Needed = Needed()
    deployment: bytes | None = None
    fairness: str = ""
    weight: float = 1.0
    closed: str = ""


class Ask(Struct, kw_only=True):
    """A worker that asks for runs.

    Attributes:
        worker: its id.
        room: how many runs it takes.
        queues: only of these; all when empty.
        deployments: only of these; all when empty.
        free: what it has, less what its runs need.
    """

    worker: bytes
    room: int
    queues: frozenset[str] = frozenset()
    deployments: frozenset[bytes] = frozenset()
    free: Needed = field(default_factory=Needed)


class Taken(Struct, frozen=True, array_like=True):
    """A run that goes to a worker."""

    head: Head
    lane: bytes
    ask: int
    """Which of the asks."""


class Block(Struct, frozen=True):
    """What holds a lane up.

    Attributes:
        kind: ``closed``, ``limit``, ``fit`` (no worker that asks has what it needs) or ``room`` (all are busy).
        names: of the limits that are full, or what closes it, or what no worker has.
    """

    kind: str
    names: tuple[str, ...] = ()


class Outcome(Struct):
    """What became of a round of claims.

    Attributes:
        taken: in the order in which they were taken.
        blocked: what holds up lanes that still have runs to take.
    """

    taken: list[Taken] = field(default_factory=list)
    blocked: dict[bytes, Block] = field(default_factory=dict)


More = Callable[[bytes, Head], Sequence[Head]]
"""The runs of a lane that follow one, of the same priority and due; none when that was the last."""


def assign(
    lanes: Sequence[Lane],
    heads: Mapping[bytes, Sequence[Head]],
    slots: Mapping[str, int],
    held: Mapping[str, int],
    shares: Mapping[tuple[str, str], int],
    asks: Sequence[Ask],
    now: int,
    *,
    more: More = lambda lane, after: (),
    ageing: float = AGEING_SECONDS,
) -> Outcome:
    """Give waiting runs to workers that ask.

    Args:
        lanes: the kinds of waiting runs.
        heads: of each lane, the first due runs of each priority, those of one priority in their order.
        slots: how many runs each limit allows; one that is not here allows any number.
        held: how many runs each limit holds now.
        shares: how many runs of each queue and fairness key are held now.
        asks: who asks. Their `room` and `free` are used up.
        now: microseconds since 1970.
        more: gives the runs behind those given.
        ageing: seconds of waiting that are worth one priority.
    """
    return _Round(lanes, heads, slots, held, shares, asks, now, more, ageing).play()


def fits(needs: Needed, free: Needed) -> tuple[str, ...]:
    """What of the needs is not free; nothing when all is."""
    lacking = []
    for name in ("cpu", "memory", "gpu"):
        wanted, there = getattr(needs, name) or 0, getattr(free, name)
        if wanted and there is not None and wanted > there + _ROUNDING:
            lacking.append(name)
    return (*lacking, *(f"label {label}" for label in sorted(needs.labels - free.labels)))


def less(free: Needed, needs: Needed) -> Needed:
    """What is free after a run took what it needs."""
    if not (needs.cpu or needs.memory or needs.gpu):
        return free
    left = {
        name: None if there is None else there - (getattr(needs, name) or 0)
        for name in ("cpu", "memory", "gpu")
        for there in (getattr(free, name),)
    }
    return Needed(**left, labels=free.labels)


def wants(ask: Ask, lane: Lane) -> bool:
    """Whether a worker takes runs of a lane at all."""
    return (not ask.queues or lane.queue in ask.queues) and (not ask.deployments or lane.deployment in ask.deployments)


def full(lane: Lane, slots: Mapping[str, int], held: Mapping[str, int]) -> tuple[str, ...]:
    """The limits of a lane that have no room."""
    return tuple(name for name in lane.limits if name in slots and held.get(name, 0) >= slots[name])


class _Group:
    """The waiting runs of a lane that have one priority, in their order."""

    __slots__ = ("heads", "place")

    def __init__(self, heads: list[Head]) -> None:
        self.heads = heads
        self.place = 0

    @property
    def first(self) -> Head:
        return self.heads[self.place]

    @property
    def is_over(self) -> bool:
        return self.place >= len(self.heads)


class _Round:
    """One go at the lanes of a pool."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        heads: Mapping[bytes, Sequence[Head]],
        slots: Mapping[str, int],
        held: Mapping[str, int],
        shares: Mapping[tuple[str, str], int],
        asks: Sequence[Ask],
        now: int,
        more: More,
        ageing: float,
    ) -> None:
        self._lanes = lanes
        self._slots = slots
        self._held = dict(held)
        self._shares = dict(shares)
        self._asks = asks
        self._now = now
        self._more = more
        self._ageing_us = max(1, int(ageing * 1e6))
        self._groups = {lane.key: _groups(heads.get(lane.key, ()), now) for lane in lanes}
        self._outcome = Outcome()

    def play(self) -> Outcome:
        waiting: list[tuple[tuple[float, ...], bytes, int]] = []
        for number, lane in enumerate(self._lanes):
            if self._groups[lane.key]:
                waiting.append(self._entry(number))
        heapq.heapify(waiting)
        while waiting:
            key, run, number = heapq.heappop(waiting)
            lane = self._lanes[number]
            entry = self._entry(number)
            if entry[:2] != (key, run):
                heapq.heappush(waiting, entry)  # others of its fairness key were served meanwhile
                continue
            block = self._block(lane)
            ask = None if block else self._ask(lane)
            if block is None and ask is None:
                block = self._unasked(lane)
            if block is not None:
                self._outcome.blocked[lane.key] = block
                continue  # nothing that happens in this round gives it room again
            assert ask is not None
            self._take(lane, ask)
            if self._groups[lane.key]:
                heapq.heappush(waiting, self._entry(number))
        return self._outcome

    def _entry(self, number: int) -> tuple[tuple[float, ...], bytes, int]:
        """A lane's place in the order; it only ever gets worse while others are served."""
        lane = self._lanes[number]
        head, rank = self._best(lane)
        share = self._shares.get((lane.queue, lane.fairness), 0) / max(lane.weight, _ROUNDING)
        return (lane.rank, -rank, share, head.due), head.run, number

    def _best(self, lane: Lane) -> tuple[Head, int]:
        """The first run of a lane, and its priority with its age."""
        found: tuple[tuple[int, int, bytes], Head] | None = None
        for group in self._groups[lane.key]:
            head = group.first
            rank = head.priority + max(0, self._now - head.due) // self._ageing_us
            place = (-rank, head.due, head.run)
            if found is None or place < found[0]:
                found = (place, head)
        assert found is not None
        return found[1], -found[0][0]

    def _block(self, lane: Lane) -> Block | None:
        if lane.closed:
            return Block("closed", (lane.closed,))
        without_room = full(lane, self._slots, self._held)
        return Block("limit", without_room) if without_room else None

    def _ask(self, lane: Lane) -> int | None:
        """The worker that gets the next run of a lane: of those that it fits, the one with most room."""
        best: int | None = None
        for number, ask in enumerate(self._asks):
            if ask.room < 1 or (best is not None and ask.room <= self._asks[best].room):
                continue
            if wants(ask, lane) and not fits(lane.needs, ask.free):
                best = number
        return best

    def _unasked(self, lane: Lane) -> Block:
        takers = [ask for ask in self._asks if wants(ask, lane) and ask.room > 0]
        if not takers:
            return Block("room")
        lacking = {name for ask in takers for name in fits(lane.needs, ask.free)}
        return Block("fit", tuple(sorted(lacking)))

    def _take(self, lane: Lane, number: int) -> None:
        head, _ = self._best(lane)
        ask = self._asks[number]
        ask.room -= 1
        ask.free = less(ask.free, lane.needs)
        for name in lane.limits:
            self._held[name] = self._held.get(name, 0) + 1
        share = (lane.queue, lane.fairness)
        self._shares[share] = self._shares.get(share, 0) + 1
        self._outcome.taken.append(Taken(head, lane.key, number))
        self._advance(lane, head)

    def _advance(self, lane: Lane, head: Head) -> None:
        groups = self._groups[lane.key]
        group = next(one for one in groups if one.first is head)
        group.place += 1
        if group.is_over:
            following = [one for one in self._more(lane.key, head) if one.due <= self._now]
            if following:
                group.heads, group.place = following, 0
            else:
                groups.remove(group)


def _groups(heads: Iterable[Head], now: int) -> list[_Group]:
    by_priority: dict[int, list[Head]] = {}
    for head in heads:
        if head.due <= now:
            by_priority.setdefault(head.priority, []).append(head)
    return [_Group(sorted(some, key=lambda head: (head.due, head.run))) for some in by_priority.values()]
