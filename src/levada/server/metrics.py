"""Figures of this process for Prometheus, at `/api/metrics`: what is asked, taken in, waited for, and how full it is.

Counters are kept where things happen and are read here; what stands in the database is counted by cheap queries, at
most once in `CACHE_SECONDS`, however many scrape. Every bounded queue of the server has its fullness here, 0 to 1: a
queue that comes near 1 is what to look at first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from litestar import Request, Response, Router, get
from msgspec import Struct, field
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from levada.control.asking import LONGEST_LINE
from levada.control.pooling import read_pools
from levada.control.views import name_of_state
from levada.core.errors import StoreUnavailable
from levada.core.limits import base_of
from levada.server.api.answers import answers
from levada.store.sql.schedules import ScheduleTable

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

    from levada.control import ControlPlane
    from levada.control.services.host import ServiceHost
    from levada.control.streaming import Feeds
    from levada.server.gate import Gate
    from levada.store.base import Transaction

CACHE_SECONDS: Final = 5.0
"""How old what was counted in the database may be."""

MOST_COUNTED: Final = 100_000
"""Rows of one kind that are counted; when there are more, this is the figure."""

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds of the latency histogram, in seconds."""

Rows = Iterable[tuple[tuple[str, ...], float]]


class Stored(Struct):
    """What was counted in the database.

    Attributes:
        runs: open flow runs by name of their state.
        late: scheduled runs whose time has passed.
        latest: seconds by which the longest due of them is late.
        schedules: schedules that are due and that nobody has attended yet.
        behind: seconds since the first of them was due.
        outbox: events without a position.
        live: processes with a lease.
        expired: processes whose lease has ended and that nobody has judged yet.
        limits: by limit: slots, slots held, who waits.
        pools: by work pool: runs that are due and wait, runs that were taken, workers online.
    """

    runs: dict[str, int] = field(default_factory=dict)
    late: int = 0
    latest: float = 0.0
    schedules: int = 0
    behind: float = 0.0
    outbox: int = 0
    live: int = 0
    expired: int = 0
    limits: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    pools: dict[str, tuple[int, int, int]] = field(default_factory=dict)


def count_stored(plane: ControlPlane) -> Stored:
    """Count in the database.

    Raises:
        StoreUnavailable: it cannot be reached.
    """
    stored = Stored()
    with plane.store.read() as transaction:
        now = transaction.now
        sql = (
            "SELECT state, state_name, count(*) FROM "
            "(SELECT state, state_name FROM flow_runs WHERE state < 5 LIMIT ?) AS r GROUP BY state, state_name"
        )
        for code, name, count in transaction.execute(sql, (MOST_COUNTED,)):
            stored.runs[name_of_state(code, name) or "Unknown"] = count
        stored.late = _count(transaction, "flow_runs WHERE state = 0 AND expected <= ?", now)
        due = transaction.flow_runs.due(now, 1)
        if due and due[0].expected is not None:
            stored.latest = (now - due[0].expected) / 1e6
        earliest = ScheduleTable(transaction).earliest()
        if earliest is not None and earliest <= now:
            stored.behind = (now - earliest) / 1e6
            stored.schedules = _count(transaction, "schedules WHERE active = 1 AND due <= ?", now)
        stored.outbox = _count(transaction, "events WHERE position IS NULL")
        stored.live = _count(transaction, "writers WHERE expires > ?", now)
        stored.expired = _count(transaction, "writers WHERE expires <= ?", now)
        for pool in read_pools(transaction):
            stored.pools[pool.spec.name] = (pool.waiting, pool.active, pool.workers_online)
    for view in plane.limits.read_all():
        name = base_of(view.name) or view.name  # keys are many, and other people's names
        slots, held, waiting = stored.limits.get(name, (0, 0, 0))
        stored.limits[name] = (slots or view.limit, held + view.active_slots, waiting + view.waiting)
    return stored


def _count(transaction: Transaction, where: str, *parameters: int) -> int:
    sql = f"SELECT count(*) FROM (SELECT 1 FROM {where} LIMIT ?) AS r"  # noqa: S608 - the conditions are ours
    return int(transaction.execute(sql, (*parameters, MOST_COUNTED))[0][0])


class Metrics:
    """Everything that is measured in one process.

    Args:
        plane: the control plane.
        services: the loops of this process, if any.
        feeds: what streams follow.
        gate: where reads wait.
    """

    def __init__(self, plane: ControlPlane, services: ServiceHost | None, feeds: Feeds, gate: Gate) -> None:
        self.plane, self.services, self.feeds, self.gate = plane, services, feeds, gate
        disable_created_metrics()  # type: ignore[no-untyped-call] # when a series began helps nobody
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "levada_requests", "Requests that were answered.", ("method", "route", "status"), registry=self.registry
        )
        self.latency = Histogram(
            "levada_request_seconds",
            "Time until an answer began.",
            ("method", "route"),
            registry=self.registry,
            buckets=BUCKETS,
        )
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._lock = threading.Lock()
        self._stored: Stored | None = None
        self._counted = float("-inf")
        self.registry.register(_Reader(self._families))
        ProcessCollector(registry=self.registry)

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer, and the time until it began."""
        found = self._series.get((method, route, status))
        if found is None:
            # There are as many as handlers and statuses; asking the registry each time costs more than counting.
            found = self.requests.labels(method, route, str(status)), self.latency.labels(method, route)
            self._series[method, route, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def text(self) -> bytes:
        """All figures, as Prometheus reads them."""
        return generate_latest(self.registry)

    def stored(self) -> Stored | None:
        """What was counted in the database lately; None when it is away."""
        with self._lock:
            if time.monotonic() - self._counted > CACHE_SECONDS:
                try:
                    self._stored = count_stored(self.plane)
                except StoreUnavailable:
                    self._stored = None  # said by `levada_store_up`
                self._counted = time.monotonic()
            return self._stored

    def _families(self) -> Iterator[Metric]:
        yield from self._of_intake()
        yield from self._of_wishes()
        yield from self._of_claims()
        yield from self._of_reads()
        yield from self._of_streams()
        if self.services is not None:
            yield from self._of_services(self.services)
        yield from self._of_store()

    def _of_intake(self) -> Iterator[Metric]:
        figures, gate = self.plane.figures, self.plane.gate
        yield counter("levada_ingest_batches", "Batches of records that were taken in.", figures.batches)
        yield counter("levada_ingest_signs_of_life", "Requests without records that renewed a lease.", figures.signs)
        yield counter("levada_ingest_records", "Records that were stored.", figures.records)
        yield counter("levada_ingest_records_refused", "Damaged records, named in answers.", figures.refused)
        yield counter("levada_ingest_batches_sent_away", "Batches told to come later.", figures.sent_away)
        yield counter("levada_ingest_batches_failed", "Batches that ended in an error.", figures.failed)
        yield counter("levada_ingest_seconds", "Time spent on batches.", figures.seconds)
        yield gauge("levada_ingest_lag_seconds", "Age of the newest record when it was stored.", figures.lag)
        yield gauge("levada_ingest_in_work", "Batches in work.", gate.inside)
        yield gauge("levada_ingest_fullness", "Batches in work, of those that may be.", gate.fullness)

    def _of_wishes(self) -> Iterator[Metric]:
        wishes = self.plane.wishes
        yield counter("levada_wishes", "Wishes about flow runs that were answered.", wishes.done)
        yield counter("levada_wishes_rounds", "Transactions that carried out one wish or several.", wishes.rounds)
        yield gauge("levada_wishes_waiting", "Wishes that wait for the next round.", wishes.waiting)
        yield gauge(
            "levada_wishes_fullness", "Wishes that wait, of those that may.", wishes.waiting / wishes.longest_line
        )
        yield counter("levada_wishes_refused", "Wishes sent away because the line was full.", wishes.refused)

    def _of_claims(self) -> Iterator[Metric]:
        claims = self.plane.claims
        yield counter("levada_claims_rounds", "Transactions in which runs were given to workers.", claims.rounds)
        yield gauge("levada_claims_waiting", "Requests of workers that wait for runs or commands.", claims.waiting)
        yield gauge("levada_claims_fullness", "Such requests, of those that may wait.", claims.waiting / LONGEST_LINE)

    def _of_reads(self) -> Iterator[Metric]:
        gate = self.gate
        yield gauge("levada_reads_at_work", "Lists, counts and graphs being read.", gate.reading)
        yield gauge("levada_reads_waiting", "Lists, counts and graphs that wait for their turn.", gate.waiting)
        yield gauge("levada_reads_fullness", "Reads that wait, of those that may.", gate.waiting / gate.longest_line)
        yield counter("levada_reads_refused", "Reads sent away because the line was full.", gate.refused)

    def _of_streams(self) -> Iterator[Metric]:
        bus, feeds = self.feeds.bus, self.feeds.all
        yield counter("levada_bus_heard", "Announcements that this process heard.", bus.heard)
        yield gauge("levada_bus_subscribers", "Who hears announcements in this process.", bus.subscribers)
        yield gauge("levada_bus_fullness", "The fullest queue of announcements.", bus.fullness)
        yield counter("levada_bus_overflows", "Subscribers that were sent back to the tables.", bus.overflows)
        followers = [((name,), float(feed.followers)) for name, feed in feeds.items()]
        overflows = [((name,), float(feed.overflows)) for name, feed in feeds.items()]
        yield gauges("levada_stream_followers", "Live streams.", ("stream",), followers)
        yield counters("levada_stream_overflows", "Streams that read on from the tables.", ("stream",), overflows)

    def _of_services(self, host: ServiceHost) -> Iterator[Metric]:
        def of(value: Callable[[Any], float | None]) -> Rows:
            found = [((service.name,), value(service.figures)) for service in host.services]
            return [(labels, figure) for labels, figure in found if figure is not None]

        label = ("service",)
        yield counters("levada_service_runs", "Turns of services.", label, of(lambda figures: figures.runs))
        yield counters("levada_service_failures", "Turns that failed.", label, of(lambda figures: figures.failures))
        yield gauges("levada_service_failing", "Turns in a row that failed.", label, of(lambda each: each.failing))
        yield counters("levada_service_seconds", "Time spent in turns.", label, of(lambda figures: figures.seconds))
        yield counters("levada_service_done", "Things that services did.", label, of(lambda figures: figures.done))
        yield gauges(
            "levada_service_last_seconds", "Time of the last turn.", label, of(lambda figures: figures.last_seconds)
        )
        yield gauges(
            "levada_service_last_success_timestamp_seconds",
            "When a turn last went well.",
            label,
            of(lambda figures: figures.last_success),
        )
        counts = [
            ((service.name, what), float(count))
            for service in host.services
            for what, count in service.figures.counts.items()
        ]
        yield counters("levada_service_counts", "What services count, by name.", ("service", "what"), counts)

    def _of_store(self) -> Iterator[Metric]:
        stored = self.stored()
        yield gauge("levada_store_up", "Whether the database answers.", stored is not None)
        connections = getattr(self.plane.store, "pools", {})
        used = [((name,), float(pool.in_use)) for name, pool in connections.items()]
        sizes = [((name,), float(pool.size)) for name, pool in connections.items()]
        yield gauges("levada_store_connections_in_use", "Connections at work.", ("pool",), used)
        yield gauges("levada_store_connections_max", "Connections there may be.", ("pool",), sizes)
        if stored is None:
            return
        runs = [((name,), float(count)) for name, count in sorted(stored.runs.items())]
        yield gauges("levada_flow_runs_open", "Flow runs that have not ended.", ("state",), runs)
        yield gauge("levada_flow_runs_overdue", "Scheduled runs whose time has passed.", stored.late)
        yield gauge("levada_flow_runs_lateness_seconds", "By how much the longest due run is late.", stored.latest)
        yield gauge("levada_schedules_overdue", "Schedules that are due and wait for the scheduler.", stored.schedules)
        yield gauge("levada_schedules_lateness_seconds", "By how much the scheduler is behind.", stored.behind)
        yield gauge("levada_outbox_depth", "Events that wait to be dispatched.", stored.outbox)
        yield gauge("levada_leases_live", "Processes that report to this control plane.", stored.live)
        yield gauge("levada_leases_expired", "Processes that went silent and are not judged yet.", stored.expired)
        limits = sorted(stored.limits.items())
        for position, name, told in (
            (0, "slots", "Slots of a concurrency limit (of each key)."),
            (1, "held", "Slots that are held, those of keys together."),
            (2, "waiters", "Who waits for slots."),
        ):
            rows = [((limit,), float(figures[position])) for limit, figures in limits]
            yield gauges(f"levada_concurrency_limit_{name}", told, ("limit",), rows)
        pools = sorted(stored.pools.items())
        for position, name, told in (
            (0, "waiting", "Runs of a work pool that are due and wait, counted up to 1,000."),
            (1, "active", "Runs of a work pool that workers have."),
            (2, "workers", "Workers of a work pool that are online."),
        ):
            rows = [((pool,), float(figures[position])) for pool, figures in pools]
            yield gauges(f"levada_work_pool_{name}", told, ("pool",), rows)


class _Reader(Collector):
    def __init__(self, families: Callable[[], Iterator[Metric]]) -> None:
        self._families = families

    def describe(self) -> Iterable[Metric]:
        """Nothing: asking would count in the database."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The figures now."""
        return self._families()


def gauge(name: str, told: str, value: float) -> Metric:
    """A figure that goes up and down."""
    return GaugeMetricFamily(name, told, value=float(value))


def gauges(name: str, told: str, labels: tuple[str, ...], rows: Rows) -> Metric:
    """Figures that go up and down, by labels."""
    family = GaugeMetricFamily(name, told, labels=labels)
    for values, figure in rows:
        family.add_metric(values, figure)
    return family


def counter(name: str, told: str, value: float) -> Metric:
    """A figure that only grows."""
    return CounterMetricFamily(name, told, value=float(value))


def counters(name: str, told: str, labels: tuple[str, ...], rows: Rows) -> Metric:
    """Figures that only grow, by labels."""
    family = CounterMetricFamily(name, told, labels=labels)
    for values, figure in rows:
        family.add_metric(values, figure)
    return family


def metered(metrics: Metrics) -> Callable[..., Metered]:
    """What makes the middleware for each handler, all of them with one set of figures."""
    return partial(Metered, metrics=metrics)


class Metered:
    """Middleware that counts requests and measures how long their answers take to begin.

    Args:
        app: what comes next.
        metrics: where it is noted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note what becomes of it."""
        method = str(scope.get("method", "GET"))
        # The template and not the path, so that ids make no series of their own.
        route = str(scope.get("path_template") or "")
        begun = time.perf_counter()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.metrics.note(method, route, message["status"], time.perf_counter() - begun)
            await send(message)

        await self.app(scope, receive, noting)


@get(
    "/metrics",
    operation_id="read_metrics",
    summary="Figures for Prometheus",
    responses=answers(200, "Figures in the text format of Prometheus.", str, media_type="text/plain"),
    sync_to_thread=True,
)
def read_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """What this process counts and measures: requests, ingest, services, streams, leases, limits, queues."""
    metrics: Metrics = request.app.state["metrics"]
    return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)


router = Router("/", route_handlers=[read_metrics], tags=["Administration"])
