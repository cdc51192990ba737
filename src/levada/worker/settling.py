"""Says how runs ended whose worker died before it could: what their supervisors left on disk is reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from levada.wire.verbs import Plane
from levada.worker.jobs import job_folders
from levada.worker.launchers import Surroundings
from levada.worker.runs import Runs


def settle_left_runs(
    plane: Plane, home: Path, api_url: str | None, tell: Callable[[str], object] = lambda _: None, host: str = ""
) -> int:
    """Report every run of a home that has ended, and of which no worker will say so; gives how many.

    Args:
        plane: the control plane.
        home: the Levada home.
        api_url: the server; None for the embedded control plane.
        tell: told, in short lines for people, what was found.
        host: name of this machine.
    """
    settled = 0
    for folder in job_folders(home):
        job = folder.job()
        if job is None:
            continue
        surroundings = Surroundings(home=home, api_url=api_url, env={}, pool=job.pool, worker=job.worker)
        settled += Runs(plane, surroundings, lambda: None, tell, None, host).settle(folder)
    return settled
