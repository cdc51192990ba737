"""`levada database`: the schema of the database, and what an upgrade of it will do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from levada.cli.main import Suggesting
from levada.cli.output import Cell, confirm, output_option, plain, print_details, print_json, print_table
from levada.settings import get_current_settings

if TYPE_CHECKING:
    from levada.store.migrations.chain import Chain, CheckReport
    from levada.store.migrations.places import Place

_WORDS = {
    "empty": Cell("empty: the first use, or `levada database upgrade`, makes the tables", "yellow"),
    "older": Cell("older than this Levada: `levada database upgrade` brings it up to date", "yellow"),
    "current": Cell("up to date", "green"),
    "ahead": Cell("expanded by a newer Levada; this one works with it", "green"),
    "too new": Cell("changed by a newer Levada; this one cannot work with it: upgrade Levada", "red"),
    "foreign": Cell("not of Levada: give Levada a database of its own", "red"),
}


@click.group("database", cls=Suggesting)
def command() -> None:
    """Look after the schema of the database: the one in `database.url`, else the file in the home.

    Homes, and databases of servers with `database.upgrade_on_start`, are upgraded by themselves. A schema moves in
    revisions; one that only expands it lets processes of the Levada before go on until they are replaced.
    """


@command.command("check")
@output_option
def check(output: str) -> None:
    """Say where the database stands and what an upgrade will do; changes nothing.

    The exit code is 1 when this Levada cannot work with the database as it is.
    """
    chain, place = _chain_and_place()
    report = chain.check(place)
    if output == "json":
        print_json({**plain(report), "usable": report.usable})
    else:
        _show(report)
    if not report.usable:
        sys.exit(1)


@command.command("upgrade")
@click.argument("revision", default="head")
@output_option
def upgrade(revision: str, output: str) -> None:
    """Make or upgrade the tables, up to REVISION (default: head, what this Levada needs).

    All steps happen in one transaction: one that fails leaves everything as it was. Any number of processes may do
    this at once; one does the work and the others wait.
    """
    chain, place = _chain_and_place()
    applied = chain.upgrade(place, revision, told=_tell)
    _done(output, place, "applied", applied, "is up to date already; nothing was done.")


@command.command("downgrade")
@click.argument("revision")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
def downgrade(revision: str, yes: bool, output: str) -> None:
    """Take the tables back to an earlier REVISION; what newer columns and tables hold is lost."""
    chain, place = _chain_and_place()
    confirm(f"Take {place.name} back to revision {revision}, and lose what newer tables and columns hold?", yes=yes)
    taken_back = chain.downgrade(place, revision, told=_tell)
    _done(output, place, "taken_back", taken_back, f"is at revision {revision} already; nothing was done.")


@command.command("stamp")
@click.argument("revision")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
def stamp(revision: str, yes: bool, output: str) -> None:
    """Say that the database is at REVISION without changing a table, after repairs by hand."""
    chain, place = _chain_and_place()
    confirm(f"Mark {place.name} as being at revision {revision}, whatever its tables are?", yes=yes)
    chain.stamp(place, revision)
    if output == "json":
        print_json({"database": place.name, "revision": chain.check(place).revision})
    else:
        click.echo(f"{place.name} is marked as revision {chain.check(place).revision}.")


@command.command("reset")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
def reset(yes: bool, output: str) -> None:
    """Remove everything in the database (runs, logs, events, variables, keys) and make empty tables."""
    chain, place = _chain_and_place()
    confirm(f"Remove every run, log, artifact, variable, limit and key from {place.name}?", yes=yes)
    chain.reset(place)
    if output == "json":
        print_json({"database": place.name, "revision": chain.head})
    else:
        click.echo(f"{place.name} is empty now.")


def _chain_and_place() -> tuple[Chain, Place]:
    from levada.control.base import DATABASE  # lazy: as below
    from levada.store.migrations.chain import Chain  # lazy: `--help` needs no Alembic
    from levada.store.migrations.places import place_of  # lazy: as above

    settings = get_current_settings()
    return Chain(), place_of(settings.database.url, settings.home, DATABASE, settings.database.connect_timeout)


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _done(output: str, place: Place, verb: str, revisions: list[str], nothing: str) -> None:
    if output == "json":
        print_json({"database": place.name, verb: revisions})
    elif revisions:
        click.echo(f"{place.name}: {verb.replace('_', ' ')} {', '.join(revisions)}.")
    else:
        click.echo(f"{place.name} {nothing}")


def _show(report: CheckReport) -> None:
    print_details(
        [
            ("Database", report.database),
            ("Standing", _WORDS[report.standing]),
            ("Revision", report.revision or "none"),
            ("Needed", report.head),
        ]
    )
    if not report.pending:
        return
    click.echo("\nAn upgrade will take these steps, in one transaction:")
    print_table(
        ["Revision", "What for", "Older processes", "Rewrites"],
        [
            [
                step.id,
                step.summary,
                "may stay meanwhile" if step.expands else "must be stopped before",
                ", ".join(f"{one.table} (about {one.rows:,} rows)" for one in step.rewrites) or "nothing",
            ]
            for step in report.pending
        ],
        empty="",
    )
