"""The protocol of launchers: prepare a job from its template, start it, watch it, stop it, find it again.

A launcher knows nothing of pools and claims. The worker holds it to this: `launch` returns when the run's process has
been started, by something that outlives the worker; `wait` returns when nothing of it is left; `reconcile` gives what
launches of a worker that is gone have left, so that the next worker goes on with them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol

from msgspec import Struct

from levada.wire.pools import WorkOrder
from levada.worker.jobs import Ended, JobFolder
from levada.worker.launchers.refused import Refused

StopKind = Literal["cancel", "interrupt", "kill"]
"""``cancel``: it was asked to stop in another way, and has the grace period; ``interrupt``: SIGTERM now, SIGKILL after
the grace period; ``kill``: at once."""


class Surroundings(Struct, frozen=True, kw_only=True):
    """What all runs of a worker have around them.

    Attributes:
        home: where journals, results and job folders are.
        api_url: the server that they report to; None: they are recorded in the home.
        env: environment variables of every run, over those of the worker's own process.
        pool: name of the work pool.
        worker: hex digits of the worker's id.
    """

    home: Path
    api_url: str | None
    env: dict[str, str]
    pool: str
    worker: str

    @property
    def destination(self) -> str | None:
        """The server, as journals name it."""
        return None if self.api_url is None else self.api_url.rstrip("/")


class Launched(Protocol):
    """A run that was started.

    Attributes:
        folder: what there is of it on this machine's disk.
    """

    folder: JobFolder

    def wait(self) -> Ended:
        """Wait until nothing of the run is left, and say how its process ended."""
        ...

    def stop(self, kind: StopKind, reason: str, grace: float) -> None:
        """Make it end; returns at once."""
        ...


class Launcher(Protocol):
    """One way to start runs."""

    name: str

    def launch(self, order: WorkOrder) -> Launched:
        """Start a run.

        Raises:
            Refused: it could not be started; no code of its author has run.
        """
        ...

    def reconcile(self, folder: JobFolder) -> Launched:
        """Take over a run that another worker started, alive or ended."""
        ...

    def close(self) -> None:
        """Give up what is kept for runs to come; those that run go on."""
        ...


def text_of(job: dict[str, Any], name: str) -> str | None:
    """A value of a job configuration that is text, or None where nothing is said.

    Raises:
        Refused: it is something else.
    """
    found = job.get(name)
    if found is None or found == "":
        return None
    if not isinstance(found, str):
        raise Refused(f"{name!r} of the job configuration must be text, not {type(found).__name__}.")
    return found
