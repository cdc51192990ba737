"""The law of claims: limits hold, nothing that could run is left, what comes first comes first, nobody starves."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from levada.core.claims import Ask, Head, Lane, Needed, Outcome, assign, fits, full, wants

NOW = 10_000_000_000
SECOND = 1_000_000
QUEUES = ("red", "green")
LIMITS = ("pool", "queue:red", "deployment:a", "tag:x", "tag:y")
LABELS = ("gpu", "eu")


@st.composite
def lanes(draw: st.DrawFn) -> list[Lane]:
    ranks = {queue: draw(st.integers(1, 3)) for queue in QUEUES}
    made = []
    for number in range(draw(st.integers(1, 6))):
        queue = draw(st.sampled_from(QUEUES))
        needs = Needed(
            cpu=draw(st.sampled_from([None, 1, 2])),
            labels=frozenset(draw(st.lists(st.sampled_from(LABELS), max_size=1))),
        )
        made.append(
            Lane(
                key=bytes([number]),
                queue=queue,
                rank=ranks[queue],
                limits=tuple(draw(st.lists(st.sampled_from(LIMITS), unique=True))),
                needs=needs,
                deployment=draw(st.sampled_from([None, b"a", b"b"])),
                fairness=draw(st.sampled_from(["", "one", "two"])),
                weight=draw(st.sampled_from([1.0, 2.0])),
                closed=draw(st.sampled_from(["", "", "", "queue-paused"])),
            )
        )
    return made


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Lane], dict[bytes, list[Head]], dict[str, int], dict[str, int], list[Ask]]:
    found = draw(lanes())
    heads = {}
    for lane in found:
        count = draw(st.integers(0, 5))
        heads[lane.key] = [
            Head(lane.key + bytes([number]), draw(st.integers(-2, 2)), NOW + draw(st.integers(-2000, 50)) * SECOND)
            for number in range(count)
        ]
    slots = {name: draw(st.integers(0, 4)) for name in draw(st.lists(st.sampled_from(LIMITS), unique=True))}
    held = {name: draw(st.integers(0, 3)) for name in slots}
    asks = [
        Ask(
            worker=bytes([number]),
            room=draw(st.integers(0, 4)),
            queues=frozenset(draw(st.lists(st.sampled_from(QUEUES), max_size=1))),
            deployments=frozenset(draw(st.lists(st.just(b"a"), max_size=1))),
            free=Needed(
                cpu=draw(st.sampled_from([None, 0, 1, 3])), labels=frozenset(draw(st.sampled_from([(), LABELS])))
            ),
        )
        for number in range(draw(st.integers(0, 4)))
    ]
    return found, heads, slots, held, asks


def played(
    found: Sequence[Lane],
    heads: dict[bytes, list[Head]],
    slots: dict[str, int],
    held: dict[str, int],
    asks: Sequence[Ask],
    first: int = 2,
) -> Outcome:
    """Let the law decide, which is given the first runs of each priority only, and asks for the rest."""
    ordered = {key: sorted(some, key=lambda head: (-head.priority, head.due, head.run)) for key, some in heads.items()}

    def levels(key: bytes) -> dict[int, list[Head]]:
        found: dict[int, list[Head]] = {}
        for head in ordered[key]:
            found.setdefault(head.priority, []).append(head)
        return found

    given_heads = {key: [head for level in levels(key).values() for head in level[:first]] for key in ordered}

    def more(key: bytes, after: Head) -> list[Head]:
        level = levels(key)[after.priority]
        return level[level.index(after) + 1 :][:first]

    return assign(found, given_heads, slots, held, {}, asks, NOW, more=more)


@given(cases())
@settings(max_examples=400, deadline=None)
def test_no_limit_is_exceeded_and_no_worker_gets_more_than_it_has(
    case: tuple[list[Lane], dict[bytes, list[Head]], dict[str, int], dict[str, int], list[Ask]],
) -> None:
    found, heads, slots, held, asks = case
    by_key = {lane.key: lane for lane in found}
    room = [ask.room for ask in asks]
    cpu = [ask.free.cpu for ask in asks]
    outcome = played(found, heads, slots, held, asks)
    assert len({one.head.run for one in outcome.taken}) == len(outcome.taken)
    holding, given_to, used = Counter(held), Counter[int](), Counter[int]()
    for one in outcome.taken:
        lane = by_key[one.lane]
        assert not lane.closed
        assert one.head.due <= NOW
        assert wants(asks[one.ask], lane)
        assert lane.needs.labels <= asks[one.ask].free.labels
        holding.update(lane.limits)
        given_to[one.ask] += 1
        used[one.ask] += int(lane.needs.cpu or 0)
    assert all(holding[name] <= max(slots[name], held.get(name, 0)) for name in slots)
    assert all(given_to[number] <= room[number] for number in range(len(asks)))
    for number, there in enumerate(cpu):
        assert there is None or used[number] <= there


@given(cases())
@settings(max_examples=400, deadline=None)
def test_nothing_that_could_run_is_left_while_a_worker_that_fits_has_room(
    case: tuple[list[Lane], dict[bytes, list[Head]], dict[str, int], dict[str, int], list[Ask]],
) -> None:
    found, heads, slots, held, asks = case
    outcome = played(found, heads, slots, held, asks)
    taken = {one.head.run for one in outcome.taken}
    holding = Counter(held)
    by_key = {lane.key: lane for lane in found}
    for one in outcome.taken:
        holding.update(by_key[one.lane].limits)
    for lane in found:
        left = [head for head in heads[lane.key] if head.due <= NOW and head.run not in taken]
        if not left or lane.closed or full(lane, slots, holding):
            continue
        # What is left of the workers stands in the asks: the law uses them up.
        assert not [ask for ask in asks if ask.room > 0 and wants(ask, lane) and not fits(lane.needs, ask.free)]


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 2000)), min_size=1, max_size=20), st.integers(1, 20))
@settings(max_examples=200, deadline=None)
def test_in_one_queue_priority_with_age_decides_and_then_who_was_due_first(
    given_runs: list[tuple[int, int]], room: int
) -> None:
    heads = [Head(bytes([number]), priority, NOW - age * SECOND) for number, (priority, age) in enumerate(given_runs)]
    outcome = played([Lane(key=b"l", queue="red")], {b"l": heads}, {}, {}, [Ask(worker=b"w", room=room)])
    wanted = sorted(heads, key=lambda head: (-(head.priority + (NOW - head.due) // (300 * SECOND)), head.due, head.run))
    assert [one.head for one in outcome.taken] == wanted[:room]


def test_queues_of_a_smaller_number_are_served_first_whatever_the_priority_of_runs() -> None:
    found = [Lane(key=b"b", queue="low", rank=2), Lane(key=b"a", queue="high", rank=1)]
    heads = {b"a": [Head(b"a1", -9, NOW)], b"b": [Head(b"b1", 9, NOW - 1)]}
    outcome = played(found, heads, {}, {}, [Ask(worker=b"w", room=9)])
    assert [one.head.run for one in outcome.taken] == [b"a1", b"b1"]


def test_fairness_keys_take_turns_as_large_as_their_weights() -> None:
    found = [
        Lane(key=b"a", queue="q", fairness="a", weight=3.0),
        Lane(key=b"b", queue="q", fairness="b"),
    ]
    heads = {key: [Head(key + bytes([n]), 0, NOW - 100 + n) for n in range(100)] for key in (b"a", b"b")}
    outcome = played(found, heads, {}, {}, [Ask(worker=b"w", room=40)])
    shares = Counter(one.lane for one in outcome.taken)
    assert shares[b"a"] == 30
    assert shares[b"b"] == 10


def test_a_run_of_low_priority_does_not_starve_behind_ever_new_important_ones() -> None:
    """One slot, and every ten seconds a new run of priority 5: the old one of priority 0 is served in time."""
    dice = random.Random(7)
    lane = Lane(key=b"l", queue="q")
    waiting = [Head(b"old", 0, NOW)]
    for turn in range(1000):
        now = NOW + turn * 10 * SECOND
        waiting.append(Head(bytes([1]) + turn.to_bytes(2, "big"), 5, now - dice.randrange(SECOND)))
        outcome = assign([lane], {b"l": waiting}, {}, {}, {}, [Ask(worker=b"w", room=1)], now, ageing=300.0)
        (one,) = outcome.taken
        if one.head.run == b"old":
            assert now - NOW <= 7 * 300 * SECOND
            return
        waiting.remove(one.head)
    raise AssertionError("it was never served")


def test_what_holds_a_lane_up_is_named() -> None:
    found = [
        Lane(key=b"a", queue="q", limits=("tag:x",)),
        Lane(key=b"b", queue="q", needs=Needed(cpu=4)),
        Lane(key=b"c", queue="q", closed="queue-paused"),
        Lane(key=b"d", queue="other"),
    ]
    heads = {lane.key: [Head(lane.key, 0, NOW)] for lane in found}
    asks = [Ask(worker=b"w", room=5, queues=frozenset({"q"}), free=Needed(cpu=2))]
    blocked = played(found, heads, {"tag:x": 1}, {"tag:x": 1}, asks).blocked
    assert {key: (block.kind, block.names) for key, block in blocked.items()} == {
        b"a": ("limit", ("tag:x",)),
        b"b": ("fit", ("cpu",)),
        b"c": ("closed", ("queue-paused",)),
        b"d": ("room", ()),
    }
