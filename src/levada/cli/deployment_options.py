"""Options that say what a deployment is to be, for every command that makes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from levada.cli.parameters import given_parameters
from levada.core.errors import ConfigurationError

if TYPE_CHECKING:
    from levada.deployments.deployment import Deployment

Command = TypeVar("Command", bound=Callable[..., Any])

_WHEN = (
    click.option("--cron", metavar="TEXT", help="Run at the times of a cron expression."),
    click.option("--interval", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Run so often."),
    click.option("--anchor-date", metavar="TIME", help="One of the times of --interval."),
    click.option("--rrule", metavar="TEXT", help="Run at the times of a recurrence rule (RFC 5545)."),
    click.option("--timezone", metavar="NAME", help="Time zone of the schedule, such as Europe/Lisbon."),
)
_WHAT = (
    click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A default; may be repeated."),
    click.option("--params", "object_", metavar="JSON|@FILE", help="Defaults as a JSON object, or a file with one."),
    click.option("-t", "--tag", "tags", multiple=True, metavar="TAG", help="A tag of its runs; may be repeated."),
    click.option("-v", "--version", metavar="TEXT", help="What you call this version; it gets a number anyhow."),
    click.option("-d", "--description", metavar="TEXT", help="What it is good for."),
    click.option("--priority", type=int, help="Of its runs: higher ones of a queue are taken first."),
    click.option("--retries", type=click.IntRange(min=0), help="Of its runs, in place of what the flow says."),
    click.option(
        "--start-deadline",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="Skip a run that could not begin so long after its time.",
    ),
    click.option("--environment", metavar="PATH", help="Its packages: a requirements, lock or pyproject file."),
    click.option(
        "--enforce-parameter-schema/--no-enforce-parameter-schema",
        "enforce_parameter_schema",
        default=None,
        help="Refuse runs whose parameters do not fit; yes unless you say otherwise.",
    ),
    click.option(
        "--catchup",
        metavar="WAY",
        help="What becomes of times at which no server was there: none, last, all, or the newest so many.",
    ),
    click.option("--concurrency-limit", type=click.IntRange(min=1), help="How many of its runs at once."),
    click.option(
        "--collision-strategy",
        metavar="NAME",
        help="What becomes of others: queue, cancel_new, cancel_running, coalesce_latest.",
    ),
)
_WHERE = (
    click.option("-p", "--pool", metavar="NAME", help="Work pool whose workers execute its runs."),
    click.option("-q", "--work-queue", "queue", metavar="NAME", help="Queue of the pool; its default unless given."),
    click.option(
        "--job-variable", "variables", multiple=True, metavar="NAME=VALUE", help="For its runs; may be repeated."
    ),
)
_PLAIN = (
    "version",
    "description",
    "priority",
    "retries",
    "start_deadline",
    "environment",
    "enforce_parameter_schema",
)
"""Options that mean the field of the project file of the same name."""


def when_options(command: Command) -> Command:
    """Give a command `--cron`, `--interval` and their kind."""
    return _with(command, _WHEN)


def what_options(command: Command) -> Command:
    """Give a command `--param`, `--tag` and their kind."""
    return _with(command, _WHAT)


def where_options(command: Command) -> Command:
    """Give a command `--pool`, `--work-queue` and `--job-variable`."""
    return _with(command, _WHERE)


def _with(command: Command, options: Iterable[Callable[[Command], Command]]) -> Command:
    for option in reversed(list(options)):
        command = option(command)
    return command


def schedule_fields(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of the schedule that options name; empty when they name none."""
    fields = {name: given[name] for name in ("cron", "interval", "rrule", "anchor_date", "timezone") if given.get(name)}
    if fields and not fields.keys() & {"cron", "interval", "rrule"}:
        raise click.UsageError("--timezone and --anchor-date say something about --cron, --interval or --rrule.")
    return fields


def entry_of(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of a deployment, as a project file names them, that options name."""
    entry: dict[str, Any] = {}
    schedule = schedule_fields(given)
    if schedule:
        entry["schedules"] = [schedule]
        entry["schedule"] = None
    for name in _PLAIN:
        if given.get(name) is not None:
            entry[name] = given[name]
    if given.get("catchup") is not None:
        entry["catchup"] = int(given["catchup"]) if given["catchup"].isdecimal() else given["catchup"]
    if given.get("tags"):
        entry["tags"] = list(given["tags"])
    limit, strategy = given.get("concurrency_limit"), given.get("collision_strategy")
    if strategy and limit is None:
        raise click.UsageError("--collision-strategy says something about --concurrency-limit, which is missing.")
    if limit is not None:
        entry["concurrency_limit"] = {"limit": limit, "collision_strategy": strategy or "queue"}
    return entry


def pool_of(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of `work_pool` that options name."""
    pool: dict[str, Any] = {}
    if given.get("pool"):
        pool["name"] = given["pool"]
    if given.get("queue"):
        pool["work_queue_name"] = given["queue"]
    if given.get("variables"):
        pool["job_variables"] = given_parameters(given["variables"], None, lambda _: False, "--job-variable")
    return pool


def add_parameters(deployment: Deployment, given: dict[str, Any]) -> None:
    """Put the parameters that options name over those of a deployment.

    Raises:
        ConfigurationError: the flow has no such parameter.
    """
    schema = deployment.parameter_schema or {}
    known = schema.get("properties", {})

    def is_text(name: str) -> bool:
        described = known.get(name, {})
        kinds = {described.get("type"), *(one.get("type") for one in described.get("anyOf", ()))}
        return "string" in kinds and kinds <= {"string", "null", None}

    found = given_parameters(given["params"], given["object_"], is_text, "--param")
    unknown = set(found) - set(known)
    if unknown:
        raise ConfigurationError(
            f"Flow {deployment.flow_name!r} has no parameter {min(unknown)!r}; it has: {', '.join(known) or 'none'}."
        )
    deployment.parameters = {**deployment.parameters, **found}
