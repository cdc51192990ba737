"""`levada worker`: take the runs of a work pool and execute them on this machine."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from levada.cli.home import control_plane
from levada.cli.main import Suggesting
from levada.cli.output import Cell, ago, id_cell, output_option, print_json, print_table
from levada.core.errors import ConfigurationError
from levada.settings import get_current_settings
from levada.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada.core.settings import Settings
    from levada.wire.pools import Offer
    from levada.wire.verbs import Plane
    from levada.worker import WorkerLoop

DEFAULT_LIMIT = 100
"""So many runs at once a worker takes that is not told how many: a long line must not fill the memory of a machine."""

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


@click.group("worker", cls=Suggesting)
def command() -> None:
    """Execute runs of deployments: a worker takes them from its work pool and starts a process for each."""


@command.command("start")
@click.option("-p", "--pool", required=True, metavar="NAME", help="The work pool; made when there is none.")
@click.option("-t", "--type", "kind", default="process", show_default=True, help="Type of a pool that is made.")
@click.option("-n", "--name", help="What the worker is called; host and process id unless given.")
@click.option("-q", "--queue", "queues", multiple=True, metavar="NAME", help="Only this queue; may be repeated.")
@click.option(
    "-l", "--limit", type=click.IntRange(1), default=DEFAULT_LIMIT, show_default=True, help="How many runs at once."
)
@click.option("--run-once", is_flag=True, help="Take what is due, wait until it has ended, and end.")
@click.option("--launcher", help="How runs are started (process, warm), whatever pool and deployment say.")
@click.option(
    "--offer",
    "offers",
    multiple=True,
    metavar="NAME=VALUE",
    help="What there is for runs that need it: cpu=4,memory=8GiB,gpu=1,label=ssd; may be repeated.",
)
@click.option("--with-healthcheck", is_flag=True, help="Say at http://HOST:PORT/health whether it makes progress.")
@click.option("--health-host", default="127.0.0.1", show_default=True, help="Where to say so.")
@click.option("--health-port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Where to say so.")
@click.option("--no-create-pool", is_flag=True, help="Do not make the pool when there is none.")
def start(**given: Any) -> None:
    """Work for a pool until stopped.

    Ctrl-C or SIGTERM: it takes nothing more and ends when its runs have ended. A second time: runs are asked to stop,
    and killed after their grace period; what had not begun is given back. A third time: they are killed at once.
    Without a server (api.url) the worker executes what was deployed in this home, and makes its schedules run.
    """
    work(given)


@command.command("ls")
@click.option("-p", "--pool", metavar="NAME", help="Only those of this pool.")
@output_option
def ls(pool: str | None, output: str) -> None:
    """List the workers, by pool and name."""
    with control_plane(drain=False) as plane:
        found = plane.read_workers(pool)
    if output == "json":
        print_json(found)
        return
    colors = {"online": "green", "draining": "yellow", "offline": "red"}
    print_table(
        ["ID", "Pool", "Name", "Status", "Runs", "Limit", "Host", "PID", "Seen"],
        [
            [
                id_cell(one.id),
                one.pool,
                one.name,
                Cell(one.status, colors.get(one.status, "")),
                len(one.runs),
                one.limit or "",
                one.host,
                one.pid or "",
                ago(one.seen),
            ]
            for one in found
        ],
        empty="There are no workers; `levada worker start --pool NAME` starts one.",
    )


def work(given: dict[str, Any]) -> None:
    """Run a worker in this process until it has ended; `given` are the options of `worker start`."""
    from levada.client.places import plane_of  # lazy: `--help` needs no client
    from levada.worker import HealthServer, WorkerLoop, WorkerOptions  # lazy: as above

    settings = get_current_settings()
    options = WorkerOptions(
        name=given.get("name") or "",
        kind=given.get("kind") or "process",
        queues=list(given.get("queues") or ()),
        limit=given.get("limit"),
        offer=offer_of(tuple(given.get("offers") or ())),
        launcher=given.get("launcher"),
        run_once=bool(given.get("run_once")),
        create_pool=not given.get("no_create_pool"),
    )
    home = settings.home.expanduser()
    with ExitStack() as around:
        plane: Plane = around.enter_context(plane_of(settings, home, version=__version__, max_retries=0))
        if not settings.api.url:
            _serve_the_home(around, settings)
        worker = WorkerLoop(plane, given["pool"], home=home, api_url=settings.api.url, options=options, tell=_say)
        _stop_on_signals(worker)
        _say(f"Worker {worker.name!r} works for pool {worker.pool!r}, {plane.place}. Ctrl-C: finish and end.")
        if given.get("with_healthcheck"):
            try:
                health = HealthServer(worker.health, given["health_host"], given["health_port"])
            except OSError as error:
                raise ConfigurationError(
                    f"{given['health_host']}:{given['health_port']} cannot be listened on ({error}); say another "
                    "--health-port."
                ) from error
            around.callback(health.close)
            _say(f"Its health is at {health.address}.")
        _run(worker)
        _say(f"Worker {worker.name!r} has ended.")


def _run(worker: WorkerLoop) -> None:
    """Run the loop on a thread of its own, so that signals reach the main thread whatever the loop waits for."""
    failed: list[BaseException] = []

    def body() -> None:
        try:
            worker.run()
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)

    thread = threading.Thread(target=body, name="levada-worker", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(1.0)
    if failed:
        raise failed[0]


def _serve_the_home(around: ExitStack, settings: Settings) -> None:
    """What a server does beside answering, for a home without one: schedules, crashed runs, journals."""
    from levada.server.wiring import services_of  # lazy: only a worker without a server runs services

    around.enter_context(services_of(settings, _say))


def _stop_on_signals(worker: WorkerLoop) -> None:
    times = 0

    def stop(_: int, __: object) -> None:
        nonlocal times
        times += 1
        # On a thread: a handler runs wherever the main thread stands, and must not wait for its locks.
        threading.Thread(target=steps[min(times, len(steps)) - 1], daemon=True).start()

    def drain() -> None:
        left = len(worker.runs)
        _say(f"Stopping: takes nothing more{f'; waits for {left} runs, once more to stop them' if left else ''}.")
        worker.stop()

    def interrupt() -> None:
        _say("Stopping the runs; once more to kill them.")
        worker.stop_runs("interrupt")

    steps: list[Callable[[], None]] = [drain, interrupt, lambda: worker.stop_runs("kill")]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _say(line: str) -> None:
    from datetime import datetime  # lazy: only a worker that says something needs it

    stamp = datetime.now().astimezone().strftime("%H:%M:%S")
    sys.stderr.write(f"{stamp} | {line}\n")
    sys.stderr.flush()


def offer_of(texts: tuple[str, ...]) -> Offer:
    """What a worker offers, from ``cpu=4,memory=8GiB,gpu=1,label=ssd``.

    Raises:
        click.UsageError: a text cannot be read.
    """
    from levada.wire.pools import Offer  # lazy: `--help` needs no wire

    offer = Offer()
    for text in ",".join(texts).split(","):
        if not text:
            continue
        name, equals, value = text.strip().partition("=")
        try:
            match name if equals else "":
                case "cpu":
                    offer.cpu = os.cpu_count() if value == "all" else float(value)
                case "gpu":
                    offer.gpu = float(value)
                case "memory":
                    offer.memory = _bytes(value)
                case "label":
                    offer.labels.append(value)
                case _:
                    raise ValueError(name)
        except ValueError as error:
            raise click.UsageError(
                f"--offer {text!r} cannot be read; write cpu=4, memory=8GiB, gpu=1 or label=NAME."
            ) from error
    return offer


def _bytes(text: str) -> int:
    number = text.rstrip("kmgtibKMGTIB")
    unit = text[len(number) :].lower().removesuffix("b")
    if unit not in _UNITS:
        raise ValueError(text)
    return int(float(number) * _UNITS[unit])
