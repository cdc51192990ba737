"""The gate: reads wait for their turn, and for what is more urgent."""

from __future__ import annotations

import asyncio

import pytest

from levada.core.errors import TooManyRequests
from levada.server.gate import Gate
from levada.server.pattern import HEAVY, INGEST, READ, WAITING, is_work


async def turns() -> None:
    """Let everybody do what they can do now."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_so_many_read_at_once_and_the_others_wait_in_order_of_arrival() -> None:
    gate = Gate(2, slow=0)
    inside: list[int] = []

    async def read(number: int) -> None:
        await gate.enter()
        inside.append(number)

    readers = [asyncio.create_task(read(number)) for number in range(5)]
    await turns()
    assert inside == [0, 1]
    assert gate.waiting == 3
    gate.leave()
    await turns()
    assert inside == [0, 1, 2]
    gate.leave()
    gate.leave()
    await turns()
    assert inside == [0, 1, 2, 3, 4]
    await asyncio.gather(*readers)
    gate.leave()
    gate.leave()
    assert (gate.reading, gate.waiting) == (0, 0)


async def test_a_line_that_is_full_sends_away() -> None:
    gate = Gate(1, longest_line=2)
    await gate.enter()
    waiting = [asyncio.create_task(gate.enter()) for _ in range(2)]
    await turns()
    with pytest.raises(TooManyRequests, match="wait for their turn"):
        await gate.enter()
    assert gate.refused == 1
    for one in waiting:
        gate.leave()
        await one
    gate.leave()


async def test_no_read_begins_while_a_batch_is_at_work() -> None:
    gate = Gate(2, patience=60)
    gate.begin_work()
    reader = asyncio.create_task(gate.enter())
    await turns()
    assert not reader.done()
    gate.end_work()
    await reader
    gate.leave()


async def test_a_read_that_waited_long_passes_a_server_that_is_never_idle_one_at_a_time() -> None:
    gate = Gate(2, patience=0.01)
    gate.begin_work()
    first, second = asyncio.create_task(gate.enter()), asyncio.create_task(gate.enter())
    await asyncio.wait_for(first, 5)
    await turns()
    assert not second.done()
    gate.leave()
    await asyncio.wait_for(second, 5)
    gate.leave()
    gate.end_work()


async def test_while_there_is_work_now_and_then_reads_go_in_one_by_one() -> None:
    gate = Gate(2, patience=60, quiet=60)
    gate.begin_work()
    gate.end_work()
    await gate.enter()
    second = asyncio.create_task(gate.enter())
    await turns()
    assert not second.done()
    gate.leave()
    await second
    gate.leave()


async def test_after_a_read_nobody_goes_in_for_a_while_where_there_is_work_now_and_then() -> None:
    gate = Gate(2, patience=60, quiet=60, respite=1e6)
    gate.begin_work()
    gate.end_work()
    await gate.enter()
    gate.leave()
    second = asyncio.create_task(gate.enter())
    await turns()
    assert not second.done()
    gate.quiet = 0  # as if the work were long ago
    gate.begin_work()
    gate.end_work()
    await second
    gate.leave()


async def test_the_respite_after_a_read_ends_by_itself() -> None:
    gate = Gate(2, patience=0.01, quiet=60, respite=1e6)
    gate.begin_work()
    gate.end_work()
    await gate.enter()
    gate.leave()
    await asyncio.wait_for(gate.enter(), 5)
    gate.leave()


async def test_where_there_is_no_work_reads_follow_each_other_at_once() -> None:
    gate = Gate(2, respite=1e6)
    await gate.enter()
    gate.leave()
    await gate.enter()
    gate.leave()


async def test_a_slow_read_keeps_the_others_waiting_for_a_moment_only() -> None:
    gate = Gate(2, patience=0.01, quiet=60)
    gate.begin_work()
    gate.end_work()
    await gate.enter()  # and is not done soon
    await asyncio.wait_for(gate.enter(), 5)
    assert gate.reading == 2
    gate.leave()
    gate.leave()


async def test_reads_that_are_quick_go_in_one_by_one() -> None:
    gate = Gate(2, slow=60)
    await gate.enter()
    second = asyncio.create_task(gate.enter())
    await turns()
    assert not second.done()
    gate.leave()
    await second
    gate.leave()


async def test_when_there_was_no_work_for_a_while_another_goes_in_beside_one_that_is_slow() -> None:
    gate = Gate(2, patience=60, slow=0.01, quiet=0)
    gate.begin_work()
    gate.end_work()
    await gate.enter()  # and is not done soon
    await asyncio.wait_for(gate.enter(), 5)
    gate.leave()
    gate.leave()


async def test_who_goes_away_while_waiting_takes_no_place_along() -> None:
    gate = Gate(1)
    await gate.enter()
    gone, patient = asyncio.create_task(gate.enter()), asyncio.create_task(gate.enter())
    await turns()
    gone.cancel()
    await turns()
    gate.leave()
    await asyncio.wait_for(patient, 5)
    gate.leave()
    assert (gate.reading, gate.waiting) == (0, 0)


async def test_a_place_that_comes_together_with_the_going_away_is_given_on() -> None:
    gate = Gate(1)
    await gate.enter()
    gone, patient = asyncio.create_task(gate.enter()), asyncio.create_task(gate.enter())
    await turns()
    gate.leave()  # the place is the first one's now, who does not know it yet
    gone.cancel()
    await asyncio.wait_for(patient, 5)
    gate.leave()
    assert gate.reading == 0


def test_what_goes_ahead_of_reads() -> None:
    assert is_work("POST", INGEST)
    assert is_work("DELETE", {})
    assert not is_work("GET", {})
    assert not is_work("POST", READ)
    assert not is_work("POST", HEAVY)
    assert not is_work("POST", WAITING)
