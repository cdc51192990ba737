"""Which launchers there are, by name."""

from __future__ import annotations

from collections.abc import Callable

from levada.worker.launchers.base import Launcher, Surroundings
from levada.worker.launchers.process import ProcessLauncher
from levada.worker.launchers.refused import Refused
from levada.worker.launchers.warm import WarmLauncher

LAUNCHERS: dict[str, Callable[[Surroundings], Launcher]] = {"process": ProcessLauncher, "warm": WarmLauncher}


def make_launcher(name: str, surroundings: Surroundings) -> Launcher:
    """A launcher by its name.

    Raises:
        Refused: there is none of that name.
    """
    make = LAUNCHERS.get(name)
    if make is None:
        raise Refused(f"This worker has no launcher {name!r}; it has: {', '.join(LAUNCHERS)}.")
    return make(surroundings)
