"""What `levada deploy` asks a person at a terminal; programs and CI are never asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from levada.core.errors import LevadaError
from levada.settings import get_current_settings
from levada.wire.deployments import SchedulePreview
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
        """When it is to run by itself; asked again until it can be understood."""
        question = "When is it to run by itself? A cron expression, seconds between runs, an RRULE, or nothing"
        while said := _answer(question):
            fields = _rule(said)
            try:
                self._look(fields)
                if "interval" not in fields:
                    return self._with_zone(fields)
                return fields
            except LevadaError as problem:
                click.echo(str(problem), err=True)
        return {}

    def _with_zone(self, fields: dict[str, Any]) -> dict[str, Any]:
        while zone := _answer("On the clocks of which time zone? UTC unless you say, for example, Europe/Lisbon"):
            try:
                self._look({**fields, "timezone": zone})
                return {**fields, "timezone": zone}
            except LevadaError as problem:
                click.echo(str(problem), err=True)
        return fields

    def _look(self, fields: dict[str, Any]) -> None:
        """Look whether it is a schedule, and say when it would run.

        Raises:
            LevadaError: it is none.
        """
        from levada.deployments.timing import as_spec  # lazy: few people are asked

        times = self._plane.preview_schedule(SchedulePreview(spec=as_spec(fields), count=1))
        click.echo(f"Next time: {times[0]:%Y-%m-%d %H:%M:%S} UTC." if times else "No time will come.", err=True)


def _answer(question: str) -> str:
    return str(click.prompt(question, default="", show_default=False, err=True)).strip()


def _rule(said: str) -> dict[str, Any]:
    """The kind of schedule that somebody means."""
    if "FREQ=" in said.upper():
        return {"rrule": said}
    try:
        return {"interval": float(said)}
    except ValueError:
        return {"cron": said}


def _number(question: str, choices: list[str]) -> int:
    for nth, name in enumerate(choices, 1):
        click.echo(f"{nth:>3}  {name}", err=True)
    picked = click.prompt(question, type=click.IntRange(1, len(choices)), default=1, err=True)
    return int(picked) - 1
