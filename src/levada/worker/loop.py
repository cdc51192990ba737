"""The loop of a worker: asks its pool for work in long requests, and gives each run to a thread that sees it through.

Two threads ask, never at the same time for long: one for work while there is room, one for commands while there is
none. Asking is the sign of life. While the control plane is away both try again every few seconds; runs go on.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from msgspec import Struct, field

from levada.core.errors import (
    ConfigurationError,
    LevadaError,
    NotAuthenticated,
    NotPermitted,
    ObjectAlreadyExists,
    ObjectNotFound,
    RequestInvalid,
)
from levada.core.ids import uuid7_bytes
from levada.version import __version__
from levada.wire.pools import ClaimAnswer, ClaimRequest, Held, Offer, PoolSpec, WorkerCommand, WorkOrder
from levada.wire.verbs import Plane
from levada.worker.jobs import job_folders
from levada.worker.launchers import Surroundings
from levada.worker.runs import Runs
from levada.worker.shipping import LiveOutput

WAIT_SECONDS = 5.0
"""How long the control plane may hold a request back. Not longer, so that a network that swallows everything is found
out soon."""

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0
"""Between two attempts while the control plane is away; with jitter less than four seconds."""

PATIENT_EACH = 10
"""While the control plane is away, one of so many requests waits as long as it would otherwise."""

ROOM = 32
"""How many runs a worker without a limit takes with one request."""

STALE_SECONDS = 45.0
"""A loop that has not come round for so long hangs: longer than any request of it may take."""

_dice = random.Random()

Tell = Callable[[str], object]


class WorkerOptions(Struct, kw_only=True):
    """How a worker works.

    Attributes:
        name: what it is called; the host and the pid unless given.
        kind: type of the pool that it makes when there is none.
        queues: only these queues.
        deployments: only runs of these.
        limit: how many runs at once; None: any number.
        offer: what it has, of which runs take what they need.
        launcher: how runs are started, whatever pool and deployment say.
        run_once: take what is due, see it through, end.
        create_pool: make the pool when there is none.
        env: environment variables of every run.
    """

    name: str = ""
    kind: str = "process"
    queues: list[str] = field(default_factory=list)
    deployments: list[UUID] = field(default_factory=list)
    limit: int | None = None
    offer: Offer = field(default_factory=Offer)
    launcher: str | None = None
    run_once: bool = False
    create_pool: bool = True
    env: dict[str, str] = field(default_factory=dict)


class Hands(Protocol):
    """What sees the runs of a worker through: in processes of their own (`Runs`), or in this one."""

    def __len__(self) -> int:
        """How many runs take up room."""
        ...

    def held(self) -> list[Held]:
        """The runs, each with its epoch."""
        ...

    def begin(self, order: WorkOrder) -> bool:
        """See an order through; False when that is being done already."""
        ...

    def give_back(self, order: WorkOrder) -> bool:
        """Have another worker see an order through."""
        ...

    def obey(self, command: WorkerCommand, grace: float | None) -> bool:
        """Carry a command out; False when that was done before."""
        ...

    def stop_all(self, kind: Any) -> None:
        """Stop every run because the worker is stopped."""
        ...

    def await_all(self) -> None:
        """Wait until there are none."""
        ...

    def close(self) -> None:
        """Give up what is kept for runs to come."""
        ...


class WorkerLoop:
    """Works for a pool until it is stopped. Made and run by any thread; installs no signal handlers.

    Args:
        plane: the control plane; it must not retry by itself for long.
        pool: name of the work pool.
        home: where journals, results and job folders are.
        api_url: the server that runs report to; None for the embedded control plane.
        options: how it works.
        tell: told, in short lines for people, what happens.
        hands: makes what sees runs through, given what is to be called when there is room again; processes of their
            own unless given.

    Attributes:
        id: of this worker.
        name: of this worker.
    """

    def __init__(
        self,
        plane: Plane,
        pool: str,
        *,
        home: Path,
        api_url: str | None = None,
        options: WorkerOptions | None = None,
        tell: Tell = lambda _: None,
        hands: Callable[[UUID, Callable[[], None]], Hands] | None = None,
    ) -> None:
        self.id = UUID(bytes=uuid7_bytes(time.time_ns() // 1000, os.urandom(8)))
        self.pool = pool
        self.options = options or WorkerOptions()
        self._host = os.uname().nodename if hasattr(os, "uname") else ""
        self.name = self.options.name or f"{self._host or 'worker'}-{os.getpid()}"
        self._plane = plane
        self._tell = tell
        self._changed = threading.Condition()
        self._draining = threading.Event()
        self._ended = threading.Event()
        self._beats: dict[str, float] = {}
        self._away_since: float | None = None
        self._failure: BaseException | None = None
        self._output: LiveOutput | None = None
        self._left: Runs | None = None
        if hands is not None:
            self.runs: Hands = hands(self.id, self._room_changed)
            return
        surroundings = Surroundings(home=home, api_url=api_url, env=self.options.env, pool=pool, worker=self.id.hex)
        runs = Runs(plane, surroundings, self._room_changed, tell, self.options.launcher, self._host)
        self.runs = self._left = runs
        if api_url is not None:
            self._output = LiveOutput(home, plane.take_in, runs.output_writers)

    # What others may call, from any thread.

    def run(self) -> None:
        """Work until `stop` is called and every run has ended; with `run_once` until what is due has ended.

        Raises:
            LevadaError: the control plane knows this worker not, or there is no such pool and none is to be made.
        """
        self._find_pool()
        if self._ended.is_set() or self._draining.is_set():
            return
        if self._left is not None:
            for folder in job_folders(self._left.surroundings.home):
                self._left.adopt(folder)
        if self._output is not None:
            self._output.start()
        threads = [threading.Thread(target=self._guarded, args=(self._listen,), name="levada-worker-ear", daemon=True)]
        if not self.options.run_once:
            threads.append(
                threading.Thread(target=self._guarded, args=(self._claim,), name="levada-worker-claims", daemon=True)
            )
        for thread in threads:
            thread.start()
        try:
            if self.options.run_once:
                self._claim_once()
            else:
                self._draining.wait()
            self.runs.await_all()
        finally:
            self._ended.set()
            self._room_changed()
            self._say_goodbye()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Take nothing any more; `run` returns when every run has ended."""
        self._draining.set()
        self._room_changed()

    def stop_runs(self, kind: Any = "interrupt") -> None:
        """Stop, and do not wait: what has not begun is given back, what runs is asked to end, and killed in time."""
        self.stop()
        self.runs.stop_all(kind)

    @property
    def draining(self) -> bool:
        """Whether it takes nothing any more."""
        return self._draining.is_set()

    def health(self) -> dict[str, Any]:
        """Whether the loop makes progress (`alive`), and what it does."""
        now = time.monotonic()
        oldest = min(self._beats.copy().values(), default=now)
        return {
            "alive": now - oldest < STALE_SECONDS,
            "worker": str(self.id),
            "name": self.name,
            "pool": self.pool,
            "state": "draining" if self.draining else "working",
            "runs": [str(held.run) for held in self.runs.held()],
            "seconds_since_last_progress": round(now - oldest, 3),
            "control_plane": "away" if self._away_since is not None else "answers",
            "away_seconds": 0.0 if self._away_since is None else round(now - self._away_since, 3),
        }

    # Asking.

    def _find_pool(self) -> None:
        def look() -> None:
            try:
                self._plane.read_work_pool(self.pool)
            except ObjectNotFound as error:
                if not self.options.create_pool:
                    raise ConfigurationError(
                        f"There is no work pool {self.pool!r}. Make it: levada work-pool create {self.pool}"
                    ) from error
                try:
                    self._plane.create_work_pool(PoolSpec(name=self.pool, kind=self.options.kind))
                    self._tell(f"Work pool {self.pool!r} was made: there was none of that name.")
                except ObjectAlreadyExists:
                    return  # another worker was faster

        self._patiently(look, self._draining)

    def _claim(self) -> None:
        while not self._draining.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._draining.is_set() or self._room() > 0, WAIT_SECONDS)
            self._beat()
            if not self._draining.is_set() and self._room() > 0:
                self._ask(self._room(), WAIT_SECONDS)

    def _claim_once(self) -> None:
        while not self._draining.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._draining.is_set() or self._room() > 0)
            if self._draining.is_set() or not self._ask(self._room(), 0.0):
                return

    def _listen(self) -> None:
        """Ask for commands while nobody asks for work."""
        while not self._ended.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._ended.is_set() or self._must_listen(), WAIT_SECONDS)
            if self._ended.is_set():
                return
            self._beat()
            if not self._must_listen():
                continue
            began = time.monotonic()
            heard = self._ask(0, WAIT_SECONDS)
            if not heard and time.monotonic() - began < 1.0:
                self._ended.wait(1.0)  # it told us again what we are about to do

    def _must_listen(self) -> bool:
        return self._draining.is_set() or self.options.run_once or self._room() == 0

    def _room(self) -> int:
        limit = self.options.limit
        return ROOM if limit is None else max(0, limit - len(self.runs))

    def _room_changed(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _ask(self, room: int, wait: float) -> int:
        """Ask until there is an answer; gives how much was new in it."""
        lost, tries = False, 0

        def ask() -> ClaimAnswer:
            nonlocal lost, tries
            before, lost, tries = lost, room > 0, tries + 1
            # Who has no answer wants one soon, be it empty: that they are back must not wait behind what is swallowed.
            # Now and then it is patient again, should the others only be slow.
            patience = wait if tries % PATIENT_EACH == 1 else 0.0
            return self._plane.claim(self.pool, self._request(room, patience, answer_lost=before))

        answer = self._patiently(ask)
        self._beat()
        return 0 if answer is None else self._take(answer)

    def _request(self, room: int, wait: float, *, answer_lost: bool) -> ClaimRequest:
        options = self.options
        return ClaimRequest(
            worker=self.id,
            name=self.name,
            kind=options.kind,
            queues=options.queues,
            deployments=options.deployments,
            room=room,
            held=self.runs.held(),
            offer=options.offer,
            wait=wait,
            draining=self._draining.is_set(),
            limit=options.limit,
            host=self._host,
            pid=os.getpid(),
            levada=__version__,
            answer_lost=answer_lost,
        )

    def _take(self, answer: ClaimAnswer) -> int:
        grace = answer.pool.cancel_grace if answer.pool is not None else None
        # What comes in answer to a request from before the worker began to drain goes back at once.
        begin = self.runs.give_back if self._draining.is_set() else self.runs.begin
        new = sum(begin(order) for order in answer.orders)
        return new + sum(self.runs.obey(command, grace) for command in answer.commands)

    # Perseverance.

    def _beat(self) -> None:
        self._beats[threading.current_thread().name] = time.monotonic()

    def _patiently(self, ask: Callable[[], Any], until: threading.Event | None = None) -> Any:
        """Ask until there is an answer, or the worker has ended (or what `until` says has happened).

        Raises:
            LevadaError: asking again would not help.
        """
        pause = FIRST_PAUSE
        ended = until or self._ended
        while not ended.is_set():
            began = time.monotonic()
            try:
                answer = ask()
            except (NotAuthenticated, NotPermitted, RequestInvalid, ConfigurationError):
                raise
            except (LevadaError, OSError) as error:
                self._beat()
                self._note_away(error)
                ended.wait(max(FIRST_PAUSE, pause * _dice.uniform(0.75, 1.25) - (time.monotonic() - began)))
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                self._note_back()
                return answer
        return None

    def _note_away(self, error: Exception) -> None:
        if self._away_since is None:
            self._away_since = time.monotonic()
            self._tell(f"The control plane does not answer ({error}). Runs go on; it is asked again every few seconds.")

    def _note_back(self) -> None:
        since, self._away_since = self._away_since, None
        if since is not None:
            self._tell(f"The control plane answers again, after {time.monotonic() - since:.0f} s.")

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - `run` raises it on the worker's own thread
            self._failure = error
            self.stop()
        finally:
            self._beats.pop(threading.current_thread().name, None)

    def _say_goodbye(self) -> None:
        if self._output is not None:
            self._output.close()
        self.runs.close()
        try:
            self._plane.forget_worker(self.pool, self.id)
        except (LevadaError, OSError) as error:
            self._tell(f"The control plane could not be told that this worker has ended ({error}); it will notice.")
