"""The verbs that wait for something to happen, and tell it as it does: events, lines of log, runs that changed."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from levada.control import views
from levada.control.base import PlanePart
from levada.control.bus import Bus, Heard
from levada.control.event_queries import RUN_RESOURCE, event_view
from levada.control.feeds import PAGE, Feed, News
from levada.control.queries import task_views
from levada.core.errors import RequestInvalid
from levada.core.states import datetime_of, us_of
from levada.wire.filters import LogQuery

if TYPE_CHECKING:
    from levada.core.states import StateType
    from levada.store.base import FlowRunRow, LogRow, TaskRunRow, Transaction
    from levada.wire.events import Event, EventQuery
    from levada.wire.objects import Log

OVERLAP_US: Final = 5_000_000
"""How far back a look by itself reads again: a transaction stamps its rows when it begins, and is seen when it ends."""

REMEMBERED: Final = 50_000
"""How many lines, and how many rows, are remembered as told."""


class EventsWanted(Struct, frozen=True):
    """Which events; all fields that are given must hold."""

    event_prefixes: tuple[str, ...] = ()
    resource_ids: tuple[str, ...] = ()
    """Exact, or with a `*` at the end."""
    flow_runs: frozenset[UUID] = frozenset()
    text: str = ""

    def __call__(self, news: News) -> bool:
        """Whether an event is wanted."""
        event: Event = news.value
        resource = event.resource.get("id", "")
        if self.event_prefixes and not event.event.startswith(tuple(p.removesuffix("*") for p in self.event_prefixes)):
            return False
        if self.resource_ids and not any(
            resource.startswith(name[:-1]) if name.endswith("*") else resource == name for name in self.resource_ids
        ):
            return False
        if self.flow_runs:
            about = {resource, *(related.get("id", "") for related in event.related)}
            if not any(f"{RUN_RESOURCE}{run}" in about for run in self.flow_runs):
                return False
        return self.text.lower() in f"{event.event} {resource}".lower()


class LogsWanted(Struct, frozen=True):
    """Which lines of log; all fields that are given must hold."""

    flow_runs: frozenset[UUID] = frozenset()
    task_runs: frozenset[UUID] = frozenset()
    min_level: int = 0
    loggers: frozenset[str] = frozenset()
    text: str = ""
    """Words that all occur, in whatever case."""

    def __call__(self, news: News) -> bool:
        """Whether a line is wanted."""
        line = news.value
        if self.flow_runs and line.flow_run_id not in self.flow_runs:
            return False
        if self.task_runs and line.task_run_id not in self.task_runs:
            return False
        if line.level < self.min_level or (self.loggers and line.logger not in self.loggers):
            return False
        message = line.message.lower()
        return all(word in message for word in self.text.lower().split())

    def query(self) -> LogQuery:
        """The lines as the tables are asked for them."""
        return LogQuery(
            flow_run_ids=list(self.flow_runs) or None,
            task_run_ids=list(self.task_runs) or None,
            min_level=self.min_level or None,
            loggers=list(self.loggers) or None,
            limit=PAGE,
        )


class RunsWanted(Struct, frozen=True):
    """Which flow runs; all fields that are given must hold."""

    flow_runs: frozenset[UUID] = frozenset()
    flow_names: frozenset[str] = frozenset()
    state_types: frozenset[StateType] = frozenset()
    """Of the state that was entered."""
    tags: frozenset[str] = frozenset()
    """All of them."""
    tasks: bool = False
    """Also the task runs, of the flow runs that are named."""

    def __call__(self, news: News) -> bool:
        """Whether a run is wanted."""
        run = news.value
        if news.kind == "task-run":
            return self.tasks and run.flow_run_id in self.flow_runs
        if self.flow_runs and run.id not in self.flow_runs:
            return False
        if self.flow_names and run.flow_name not in self.flow_names:
            return False
        return not (self.state_types and run.state_type not in self.state_types) and self.tags <= set(run.tags)


class Told:
    """Remembers what was told, up to a bound, so that reading it again tells nothing twice.

    In two generations: when the younger is half of all, or old, it takes the place of the older. So at least the newer
    half of what fits is known, without the cost of an order in which to forget.

    Args:
        most: how much is remembered.
        seconds: how long at least, where there is room; twice as long at most.
    """

    def __init__(self, most: int = REMEMBERED, seconds: float = math.inf) -> None:
        self._half = max(1, most // 2)
        self._seconds = seconds
        self._turned = time.monotonic()
        self._younger: dict[Hashable, int] = {}
        self._older: dict[Hashable, int] = {}

    def is_new(self, key: Hashable, version: int = 0) -> bool:
        """Whether this version of it was not told; it is, from now on."""
        known = self._younger.get(key)
        if known is None:
            known = self._older.get(key)
        if known == version:
            return False
        if len(self._younger) >= self._half or time.monotonic() - self._turned >= self._seconds:
            self._older, self._younger = self._younger, {}
            self._turned = time.monotonic()
        self._younger[key] = version
        return True


class EventFeed(Feed[EventsWanted]):
    """Events, in the order of their positions; the id is the position."""

    topics = frozenset({"events"})
    _position = 0

    def begin(self, transaction: Transaction) -> None:
        """From the last event that was dispatched."""
        self._position = transaction.events.last_position()

    def mark(self) -> str:
        """The last position that was read."""
        return str(self._position)

    def read(self, transaction: Transaction, heard: Heard, wanted: Sequence[EventsWanted]) -> list[News]:
        """The events beyond the position."""
        rows = transaction.events.after(self._position, PAGE)
        if rows:
            self._position = rows[-1].position or self._position
            if len(rows) == PAGE:
                self._woken.set()
        return [_event_news(event_view(row)) for row in rows]

    def since(
        self, transaction: Transaction, last: str, wanted: EventsWanted, limit: int
    ) -> tuple[list[News], str | None]:
        """The events after a position."""
        rows = transaction.events.after(_number(last), limit)
        news = [_event_news(event_view(row)) for row in rows]
        return [each for each in news if wanted(each)], news[-1].id if len(rows) == limit else None


class LogFeed(Feed[LogsWanted]):
    """Lines of log as they arrive; the id is time and number of the line."""

    topics = frozenset({"logs"})
    _looked = 0
    _told: Told

    def begin(self, transaction: Transaction) -> None:
        """From now on; what stands in the tables is history."""
        self._told = Told()
        self._looked = transaction.now
        for row in _every(transaction, self._recent()):
            self._told.is_new(row.id)

    def mark(self) -> str:
        """The moment of the last look."""
        return f"{self._looked}-0"

    def read(self, transaction: Transaction, heard: Heard, wanted: Sequence[LogsWanted]) -> list[News]:
        """The lines of the runs that were announced, from the oldest new one on; else those of the last seconds."""
        queries = []
        if not heard or heard.missed:
            queries.append(self._recent())
        anyone = any(not each.flow_runs for each in wanted)
        asked = {run.bytes for each in wanted for run in each.flow_runs}
        for run, at in _oldest(heard).items():
            if anyone or run in asked:
                queries.append(LogQuery(flow_run_ids=[UUID(bytes=run)], after=datetime_of(at), limit=PAGE))
        self._looked = transaction.now
        fresh = [row for query in queries for row in _every(transaction, query) if self._told.is_new(row.id)]
        fresh.sort(key=lambda row: (row.at, row.id))
        return [_log_news(views.log_view(row)) for row in fresh]

    def since(
        self, transaction: Transaction, last: str, wanted: LogsWanted, limit: int
    ) -> tuple[list[News], str | None]:
        """The lines written after one."""
        at, _, number = last.partition("-")
        after = (_number(at), _number(number or "0"))
        query = replace(wanted.query(), after=datetime_of(after[0]), limit=limit)
        news: list[News] = []
        while True:
            page = transaction.logs.page(query)
            news += [_log_news(views.log_view(row)) for row in page.rows if (row.at, row.id) > after]
            # A page may hold nothing but lines of one moment that were told already.
            if news or page.next is None:
                break
            query = replace(query, cursor=page.next)
        more = news[-1].id if page.next is not None and news else None
        return [each for each in news if wanted(each)], more

    def _recent(self) -> LogQuery:
        return LogQuery(after=datetime_of(self._looked - OVERLAP_US), limit=PAGE)


class RunFeed(Feed[RunsWanted]):
    """Flow runs, and task runs of runs that are followed, as they change; the id is when the row changed."""

    topics = frozenset({"runs"})
    _looked = 0
    _told: Told
    _tasks: dict[bytes, int]

    def begin(self, transaction: Transaction) -> None:
        """From now on; what has changed already is history."""
        # What changed long ago is only read again when it has changed again.
        self._told = Told(seconds=12 * OVERLAP_US / 1e6)
        self._tasks = {}
        self._looked = transaction.now
        for row in transaction.flow_runs.changed_since(self._looked - OVERLAP_US, REMEMBERED).rows:
            self._told.is_new(row.id, row.changed)

    def mark(self) -> str:
        """The moment of the last look."""
        return str(self._looked)

    def read(self, transaction: Transaction, heard: Heard, wanted: Sequence[RunsWanted]) -> list[News]:
        """The runs that were announced as they are now; else those that changed in the last seconds."""
        begun = transaction.now
        announced = {bytes.fromhex(run) for _, text in heard.said for run in text.replace(",", " ").split()}
        rows = list(transaction.flow_runs.load(announced).values()) if announced else []
        if not heard or heard.missed:
            rows += transaction.flow_runs.changed_since(self._looked - OVERLAP_US, PAGE).rows
        rows = [row for row in rows if row.changed >= self._looked - OVERLAP_US or row.id in announced]
        news = [_flow_run_news(row) for row in rows if self._told.is_new(row.id, row.changed)]
        followed = {run.bytes for each in wanted if each.tasks for run in each.flow_runs}
        for run in followed if not heard or heard.missed else followed & announced:
            news += self._task_news(transaction, run)
        self._looked = begun
        return sorted(news, key=lambda each: int(each.id))

    def since(
        self, transaction: Transaction, last: str, wanted: RunsWanted, limit: int
    ) -> tuple[list[News], str | None]:
        """The runs that changed after a moment, as they are now; those of the seconds before it once more."""
        # The place is the moment, which list is read (0: flow runs, n: task runs of the n-th run), and its cursor.
        moment, step, cursor = (*last.split("~"), "0", "")[:3]
        since, number = _number(moment) - OVERLAP_US, int(step)
        if number == 0:
            page = transaction.flow_runs.changed_since(since, limit, cursor or None)
            news = [_flow_run_news(row) for row in page.rows]
        else:
            run = sorted(wanted.flow_runs)[number - 1]
            page = transaction.task_runs.changed_since(run.bytes, since, limit, cursor or None)
            news = _task_run_news(transaction, page.rows)
        more = f"{moment}~{number}~{page.next}" if page.next is not None else None
        if more is None and wanted.tasks and number < len(wanted.flow_runs):
            more = f"{moment}~{number + 1}~"
        return [each for each in news if wanted(each)], more

    def _task_news(self, transaction: Transaction, run: bytes) -> list[News]:
        since = self._tasks.get(run, self._looked) - OVERLAP_US
        self._tasks[run] = transaction.now
        if len(self._tasks) > PAGE:
            self._tasks.pop(next(iter(self._tasks)))
        rows, cursor = [], None
        while True:
            page = transaction.task_runs.changed_since(run, since, PAGE, cursor)
            rows += page.rows
            cursor = page.next
            if cursor is None:
                break
        return _task_run_news(transaction, [row for row in rows if self._told.is_new(row.id, row.changed)])


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise RequestInvalid(f"{text[:50]!r} is no place in a stream; give the `id` of a message of it.")
    return int(text)


def _event_news(event: Event) -> News:
    return News(str(event.position), "event", event)


def _log_news(line: Log) -> News:
    return News(f"{us_of(line.timestamp)}-{line.id}", "log", line)


def _flow_run_news(row: FlowRunRow) -> News:
    run = views.flow_run_view(row)
    run.states = run.states[-1:]  # news is what it is now; the history is a request away
    return News(str(row.changed), "flow-run", run)


def _task_run_news(transaction: Transaction, rows: Sequence[TaskRunRow]) -> list[News]:
    found = []
    for row, task in zip(rows, task_views(transaction, rows), strict=True):
        task.states = task.states[-1:]
        found.append(News(str(row.changed), "task-run", task))
    return found


def _oldest(heard: Heard) -> dict[bytes, int]:
    """The runs that have new lines, each with the time of the oldest."""
    oldest: dict[bytes, int] = {}
    for _, text in heard.said:
        run, _, at = text.partition("@")
        key, moment = bytes.fromhex(run), int(at or 0)
        oldest[key] = min(moment, oldest.get(key, moment))
    return oldest


def _every(transaction: Transaction, query: LogQuery) -> Iterator[LogRow]:
    while True:
        page = transaction.logs.page(query)
        yield from page.rows
        if page.next is None:
            return
        query = replace(query, cursor=page.next)


class Feeds:
    """The three feeds of one process."""

    def __init__(self, plane: Streaming, bus: Bus | None = None) -> None:
        self.bus = bus if bus is not None else plane.bus
        self.events = EventFeed(plane.store, self.bus)
        self.logs = LogFeed(plane.store, self.bus)
        self.runs = RunFeed(plane.store, self.bus)

    @property
    def all(self) -> dict[str, EventFeed | LogFeed | RunFeed]:
        """Every feed, by name."""
        return {"events": self.events, "logs": self.logs, "runs": self.runs}

    def close(self) -> None:
        """Let every follower go; streams end."""
        for feed in self.all.values():
            feed.close()


class Streaming(PlanePart):
    """Events as they are dispatched; see `levada.wire.events`."""

    @cached_property
    def bus(self) -> Bus:
        """What this process hears of announcements."""
        return Bus(self.store)

    @cached_property
    def feeds(self) -> Feeds:
        """News for all who follow in this process."""
        return Feeds(self)

    def events_after(self, position: int, query: EventQuery, timeout: float) -> Iterator[Event]:
        """Events from a position on, as they are dispatched, until `timeout` seconds are silent.

        Of the query, `event_prefixes`, `resource_ids`, `flow_run_ids` and `text` are looked at.
        """
        wanted = events_wanted(query)
        feed = self.feeds.events
        woken = threading.Event()
        follower = feed.follow(wanted, woken.set)
        last = position
        try:
            missed = True
            while not feed.closed:
                told = last
                for page in feed.catch_up(str(last), wanted) if missed else ():
                    for news in page:
                        last = int(news.id)
                        yield news.value
                pending, missed = feed.take(follower)
                for news in pending:
                    if int(news.id) > last:
                        last = int(news.id)
                        yield news.value
                if last == told and not pending and not missed:
                    if not woken.wait(timeout):
                        return
                    woken.clear()
        finally:
            feed.leave(follower)


def events_wanted(query: EventQuery) -> EventsWanted:
    """The part of a query by which events are followed."""
    return EventsWanted(
        tuple(query.event_prefixes or ()),
        tuple(query.resource_ids or ()),
        frozenset(query.flow_run_ids or ()),
        query.text or "",
    )
