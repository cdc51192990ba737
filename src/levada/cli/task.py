"""`levada task`: execute delayed calls of tasks."""

from __future__ import annotations

import click

from levada.cli.main import Suggesting


@click.group("task", cls=Suggesting)
def command() -> None:
    """Serve tasks: execute the calls that `task.delay()` hands over."""


@command.command("serve")
@click.argument("places", nargs=-1, required=True, metavar="FILE.py[:TASK]...")
@click.option("-l", "--limit", type=click.IntRange(1), default=10, show_default=True, help="How many calls at once.")
@click.option(
    "--status-port",
    type=click.IntRange(0, 65535),
    help="Say at /health of this port whether it works.",
)
def serve(places: tuple[str, ...], limit: int, status_port: int | None) -> None:
    """Execute delayed calls in this process until stopped: of the named tasks, or of all in a file or module.

    Ctrl-C or SIGTERM: it takes nothing more and ends when its calls have ended. A second time: it ends at once, and
    calls that still run crash. Without a server (api.url) it serves the calls of this home.
    """
    from levada.task_worker import serve as serve_tasks  # lazy: `--help` needs no engine
    from levada.task_worker.loading import tasks_at  # lazy: as above

    tasks = [task for place in places for task in tasks_at(place)]
    serve_tasks(*dict.fromkeys(tasks), limit=limit, status_server_port=status_port)
