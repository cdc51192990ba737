"""Which launchers there are, by name."""

from __future__ import annotations

from collections.abc import Callable

from levada.worker.launchers.base import Launcher, Surroundings
from levada.worker.launchers.process import ProcessLauncher
from levada.worker.launchers.refused import Refused
from levada.worker.launchers.warm import WarmLauncher

Tell = Callable[[str], object]

LAUNCHERS: dict[str, Callable[[Surroundings, Tell], Launcher]] = {
    "process": lambda surroundings, _: ProcessLauncher(surroundings),
    "warm": lambda surroundings, tell: WarmLauncher(surroundings, tell=tell),
}


def make_launcher(name: str, surroundings: Surroundings, tell: Tell = lambda _: None) -> Launcher:
    """A launcher by its name.

    Args:
        name: which.
        surroundings: what all its runs have around them.
        tell: told, in short lines for people, what is worth knowing.

    Raises:
        Refused: there is none of that name.
    """
    make = LAUNCHERS.get(name)
    if make is None:
        raise Refused(f"This worker has no launcher {name!r}; it has: {', '.join(LAUNCHERS)}.")
    return make(surroundings, tell)
