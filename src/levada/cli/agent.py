"""`levada agent`: what workers were called; starts one."""

from __future__ import annotations

import click

from levada.cli.main import Suggesting
from levada.cli.worker import DEFAULT_LIMIT, work


@click.group("agent", cls=Suggesting)
def command() -> None:
    """Start a worker under its older name; new scripts say `levada worker`."""


@command.command("start")
@click.option("-p", "--pool", metavar="NAME", help="The work pool; default-agent-pool unless given.")
@click.option("-q", "--work-queue", "queues", multiple=True, metavar="NAME", help="Only this queue; may be repeated.")
@click.option(
    "-l", "--limit", type=click.IntRange(1), default=DEFAULT_LIMIT, show_default=True, help="How many runs at once."
)
@click.option("--run-once", is_flag=True, help="Take what is due, wait until it has ended, and end.")
@click.argument("queue", required=False)
def start(pool: str | None, queues: tuple[str, ...], queue: str | None, limit: int, run_once: bool) -> None:
    """Work for a pool until stopped, as `levada worker start` does."""
    from levada.wire.pools import DEFAULT_AGENT_POOL  # lazy: `--help` needs no wire

    named = [*queues, queue] if queue else list(queues)
    work({"pool": pool or DEFAULT_AGENT_POOL, "queues": named, "limit": limit, "run_once": run_once})
