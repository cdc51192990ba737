"""Live streams: told as it happens, resumed where it was, ended with the server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from litestar.testing import TestClient

from levada.control import ControlPlane
from levada.control.ingest import ingest
from levada.control.services.outbox import Outbox
from levada.control.streaming import EventsWanted, Feeds, LogsWanted, RunsWanted
from levada.core.errors import RequestInvalid
from levada.core.settings import DatabaseSettings, Settings
from levada.core.states import StateType
from levada.server.app import create_app
from levada.server.streams import check_place, messages
from levada.store.opening import open_store
from levada.testing import eventually, fault
from levada.wire.events import Event, EventQuery
from levada.wire.records import Record
from tests.unit.control import records as make

Message = dict[str, Any]

_USED = ("events", "logs", "flow_runs", "task_runs", "writers", "meta")
"""Tables that the tests of this module share where the database is PostgreSQL."""


@pytest.fixture(params=["sqlite", "postgres"])
def plane(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ControlPlane]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with ControlPlane(tmp_path, open_store(tmp_path, DatabaseSettings(url=url))) as made:
        made.store.transact(lambda transaction: [transaction.execute(f"DELETE FROM {name}") for name in _USED])
        yield made


@pytest.fixture
def feeds(plane: ControlPlane) -> Iterator[Feeds]:
    made = Feeds(plane)
    yield made
    made.close()
    made.bus.close()


def happen(plane: ControlPlane, *names: str) -> None:
    plane.emit_events(
        [
            Event(id=UUID(bytes=make.new_id()), occurred=datetime.now(UTC), event=name, resource={"id": "thing.1"})
            for name in names
        ]
    )
    outbox = Outbox.configured(plane, Settings())
    while outbox.turn() == 0:
        pass


def take_in(plane: ControlPlane, *records: Record, writer: bytes | None = None) -> None:
    def work(transaction: Any) -> None:
        ingest(transaction, writer or make.new_id(), enumerate(records, 1))

    plane.store.transact(work)


class Listening:
    """One who follows a stream, message by message."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self.stream = stream
        self.pending: list[Message] = []

    async def next(self) -> Message:
        while not self.pending:
            chunk = await asyncio.wait_for(anext(self.stream), 60)
            self.pending += [message for message in parse(chunk) if "data" in message]
        return self.pending.pop(0)

    async def take(self, count: int) -> list[Message]:
        return [await self.next() for _ in range(count)]


def parse(chunk: bytes) -> list[Message]:
    found = []
    for block in chunk.decode().split("\n\n"):
        message: Message = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in message:
            message["data"] = msgspec.json.decode(message["data"])
        if message:
            found.append(message)
    return found


async def test_events_come_as_they_are_dispatched_and_their_ids_are_positions(
    plane: ControlPlane, feeds: Feeds
) -> None:
    happen(plane, "before")
    listening = Listening(messages(feeds.events, EventsWanted(), None))
    assert parse(await anext(listening.stream)) == [{"retry": "1000", "id": "1"}]
    happen(plane, "a", "b")
    told = await listening.take(2)
    assert [(message["id"], message["event"], message["data"]["event"]) for message in told] == [
        ("2", "event", "a"),
        ("3", "event", "b"),
    ]


async def test_who_comes_back_is_told_what_happened_meanwhile_and_nothing_twice(
    plane: ControlPlane, feeds: Feeds
) -> None:
    happen(plane, *(f"e{number}" for number in range(1, 1201)))
    listening = Listening(messages(feeds.events, EventsWanted(), "3"))
    told = await listening.take(1197)
    happen(plane, "new")
    told.append(await listening.next())
    assert [int(message["id"]) for message in told] == list(range(4, 1202))


async def test_a_stream_tells_only_what_is_wanted(plane: ControlPlane, feeds: Feeds) -> None:
    listening = Listening(messages(feeds.events, EventsWanted(event_prefixes=("good.*",)), "0"))
    happen(plane, "bad.a", "good.b", "bad.c")
    assert (await listening.next())["data"]["event"] == "good.b"
    happen(plane, "bad.d", "good.e")
    assert (await listening.next())["data"]["event"] == "good.e"


async def test_a_client_that_is_slow_is_sent_to_the_tables_and_misses_nothing(plane: ControlPlane) -> None:
    feeds = Feeds(plane)
    feeds.events._ring = type(feeds.events._ring)(maxlen=5)
    listening = Listening(messages(feeds.events, EventsWanted(), None))
    await anext(listening.stream)
    for number in range(30):
        happen(plane, f"e{number}")
    eventually(lambda: feeds.events.marked == "30")
    told = await listening.take(30)
    assert [int(message["id"]) for message in told] == list(range(1, 31))
    assert feeds.events.overflows == 1
    feeds.close()
    feeds.bus.close()


async def test_lines_of_log_come_as_they_arrive_late_ones_too(plane: ControlPlane, feeds: Feeds) -> None:
    run, other = make.new_id(), make.new_id()
    writer = make.new_id()
    listening = Listening(messages(feeds.logs, LogsWanted(flow_runs=frozenset([UUID(bytes=run)])), None))
    await anext(listening.stream)
    now = make.log_line(run, message="now", at=2_000_000)
    take_in(plane, now, make.log_line(other, message="not mine"), writer=writer)
    assert (await listening.next())["data"]["message"] == "now"
    take_in(plane, make.log_line(run, message="late", at=1_000_000))
    assert (await listening.next())["data"]["message"] == "late"
    take_in(plane, now, writer=writer)  # delivered once more
    take_in(plane, make.log_line(run, message="next", at=3_000_000))
    message = await listening.next()
    assert message["data"]["message"] == "next"
    assert message["id"].startswith("3000000-")


async def test_a_late_line_is_told_although_the_tables_could_not_be_read_when_it_was_announced(
    plane: ControlPlane, feeds: Feeds
) -> None:
    run = make.new_id()
    listening = Listening(messages(feeds.logs, LogsWanted(flow_runs=frozenset([UUID(bytes=run)])), None))
    await anext(listening.stream)
    with fault("control.feeds.before_read", at=0) as passages:
        take_in(plane, make.log_line(run, message="late", at=1_000_000))
        before = passages[0]
        eventually(lambda: passages[0] >= before + 2)
    assert (await listening.next())["data"]["message"] == "late"


async def test_a_log_goes_on_after_the_line_that_was_read_last(plane: ControlPlane, feeds: Feeds) -> None:
    run = make.new_id()
    take_in(plane, *(make.log_line(run, message=f"line {number}", at=number // 3) for number in range(1500)))
    wanted = LogsWanted(flow_runs=frozenset([UUID(bytes=run)]))
    first = await Listening(messages(feeds.logs, wanted, "0")).take(700)
    rest = await Listening(messages(feeds.logs, wanted, first[-1]["id"])).take(800 - 3)
    said = [message["data"]["message"] for message in (*first, *rest)]
    assert len(set(said)) == len(said)


async def test_a_run_is_told_whenever_it_changes_with_its_newest_state(plane: ControlPlane, feeds: Feeds) -> None:
    run, writer = make.new_id(), make.new_id()
    wanted = RunsWanted(flow_runs=frozenset([UUID(bytes=run)]))
    listening = Listening(messages(feeds.runs, wanted, None))
    await anext(listening.stream)
    take_in(plane, make.run_opened(run, writer), writer=writer)
    assert (await listening.next())["data"]["state_type"] == "PENDING"
    take_in(plane, make.run_state(run, kind=StateType.RUNNING, n=5), writer=writer)
    message = await listening.next()
    assert (message["event"], message["data"]["state_type"]) == ("flow-run", "RUNNING")
    assert len(message["data"]["states"]) == 1
    again = Listening(messages(feeds.runs, wanted, "0"))
    assert (await again.next())["data"]["state_type"] == "RUNNING"


async def test_silence_is_broken_by_signs_of_life_that_carry_the_place(plane: ControlPlane, feeds: Feeds) -> None:
    stream = messages(feeds.events, EventsWanted(), None, heartbeat=0.01)
    await anext(stream)
    assert await anext(stream) == b": nothing new\nid: 0\n\n"


async def test_streams_end_when_the_feeds_close_and_a_feed_without_followers_has_no_thread(
    plane: ControlPlane, feeds: Feeds
) -> None:
    streams = [messages(feeds.events, EventsWanted(), None) for _ in range(20)]
    for stream in streams:
        await anext(stream)
    assert feeds.events.followers == 20
    await streams.pop().aclose()
    assert feeds.events.followers == 19
    feeds.close()
    for stream in streams:
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
    assert feeds.events.followers == 0
    eventually(lambda: feeds.bus.subscribers == 0)


def test_events_after_a_position_are_given_until_it_is_silent(plane: ControlPlane) -> None:
    happen(plane, "a", "b", "c")
    assert [event.event for event in plane.events_after(1, EventQuery(), 0.01)] == ["b", "c"]
    waiting = plane.events_after(3, EventQuery(event_prefixes=["d"]), 30)
    later = threading.Timer(0.01, happen, (plane, "x", "d"))
    later.start()
    assert next(waiting).event == "d"
    later.join()
    waiting.close()
    plane.feeds.close()
    plane.bus.close()


@pytest.mark.parametrize("place", ["", "x", "1-2-3", "9" * 30, "1~2~"])
def test_a_place_that_cannot_be_one_is_refused(place: str) -> None:
    with pytest.raises(RequestInvalid, match="no place in a stream"):
        check_place(place)


def test_a_stream_over_http_says_what_it_is_and_ends_with_the_server(plane: ControlPlane) -> None:
    app = create_app(plane, Settings())
    feeds: Feeds = app.state["feeds"]
    happen(plane, "a")
    with TestClient(app) as client:
        stopper = threading.Thread(
            target=lambda: (eventually(lambda: feeds.events.followers == 1), app.state["stopping"].set())
        )
        stopper.start()
        answer = client.get("/api/events/stream", headers={"Last-Event-ID": "0"})
        stopper.join()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert client.get("/api/events/stream?after=soon").status_code == 422
        assert client.get("/api/runs/stream?tasks=true").status_code == 422
    feeds.bus.close()
