"""What `levada deploy` asks a person at a terminal; programs and CI are never asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from levada.settings import get_current_settings
from levada.wire.pools import PoolSpec

if TYPE_CHECKING:
    from levada.projects import Planned
    from levada.wire.verbs import Plane


def somebody_is_there() -> bool:
    """Whether questions would be seen and could be answered."""
    return get_current_settings().cli.prompt is not False and sys.stdin.isatty() and sys.stderr.isatty()


class Questions:
    """Asks.

    Args:
        plane: which knows the work pools.
    """

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def flow(self, folder: Path) -> str:
        """Which flow of a folder."""
        from levada.projects.recipes import flows_below  # lazy: few people are asked

        found = flows_below(folder)
        if not found:
            return str(click.prompt("Which flow (file.py:function)", err=True))
        return found[_number("Which flow?", found)]

    def name(self, entrypoint: str) -> str:
        """What the deployment is called."""
        del entrypoint
        return str(click.prompt("Name of the deployment", default="default", err=True))

    def some_of(self, listed: list[Planned]) -> list[Planned]:
        """Which entries of a project file."""
        names = [f"{one.flow_name}/{one.name}" for one in listed]
        picked = _number("Which deployment?", [*names, "all of them"])
        return listed if picked == len(listed) else [listed[picked]]

    def pool(self) -> str:
        """Which work pool; makes one when there is none."""
        pools = [one.spec.name for one in self._plane.read_work_pools()]
        if pools:
            return pools[_number("Which work pool?", pools)]
        name = str(click.prompt("There is no work pool yet. Name of a new one", default="default", err=True))
        self._plane.create_work_pool(PoolSpec(name=name))
        return name

    def schedule(self) -> dict[str, Any]:
        """When it is to run by itself."""
        said = str(
            click.prompt(
                "When is it to run by itself? A cron expression, a number of seconds, or nothing",
                default="",
                show_default=False,
                err=True,
            )
        ).strip()
        if not said:
            return {}
        try:
            return {"interval": float(said)}
        except ValueError:
            return {"cron": said}


def _number(question: str, choices: list[str]) -> int:
    for nth, name in enumerate(choices, 1):
        click.echo(f"{nth:>3}  {name}", err=True)
    picked = click.prompt(question, type=click.IntRange(1, len(choices)), default=1, err=True)
    return int(picked) - 1
