"""`levada journal`: what runs appended and nobody has taken in yet."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from levada.cli.home import control_plane
from levada.cli.main import Suggesting
from levada.cli.output import Cell, output_option, plain, print_json, print_table, size_text
from levada.settings import get_current_settings

if TYPE_CHECKING:
    from levada.control.drain import DrainReport


@click.group("journal", cls=Suggesting)
def command() -> None:
    """Look at, verify and ship the journals of this home.

    A process that records runs appends to a journal of its own. Whoever looks at runs first takes journals into the
    store; a journal whose process is gone is removed once everything in it is there.
    """


@command.command("ls")
@output_option
def ls(output: str) -> None:
    """List the journals that are not yet taken in completely; changes nothing."""
    from levada.journal import writers  # lazy: only this command reads journals itself

    found = [
        {
            "writer": one.writer.hex(),
            "live": one.is_live(),
            "segments": len(one.segments()),
            "size": one.size(),
            "paths": [str(path) for path in one.paths],
        }
        for one in writers(get_current_settings().home)
    ]
    if output == "json":
        print_json(found)
        return
    print_table(
        ["Writer", "Process", "Segments", "Size", "Where"],
        [
            [
                one["writer"],
                Cell("lives", "green") if one["live"] else Cell("gone", "yellow"),
                one["segments"],
                size_text(int(str(one["size"]))),
                Cell(str(one["paths"][0]) if isinstance(one["paths"], list) and one["paths"] else ""),
            ]
            for one in found
        ],
        empty="There are no journals: everything that was recorded is in the store.",
    )


@command.command("verify")
@output_option
def verify(output: str) -> None:
    """Read every journal from end to end; changes nothing. The exit code is 1 when something is wrong."""
    from levada.journal import verify as verify_home  # lazy: only this command reads journals itself

    reports = verify_home(get_current_settings().home)
    if output == "json":
        print_json([{**plain(report), "healthy": report.healthy} for report in reports])
    else:
        print_table(
            ["Writer", "Records", "Size", "Verdict"],
            [
                [
                    report.writer,
                    report.records,
                    size_text(report.size),
                    Cell("healthy", "green") if report.healthy else Cell("damaged", "red"),
                ]
                for report in reports
            ],
            empty="There are no journals: everything that was recorded is in the store.",
        )
        for report in reports:
            if report.unreadable is not None:
                click.echo(f"{report.writer}: {report.unreadable}", err=True)
            for problem in report.problems:
                click.echo(
                    f"{report.writer}, segment {problem.segment}, byte {problem.offset}: {problem.message}", err=True
                )
    if not all(report.healthy for report in reports):
        sys.exit(1)


@command.command("ship")
@output_option
def ship(output: str) -> None:
    """Take everything that journals hold into the store of this home.

    There is no server to ship to yet: the embedded store is where journals go.
    """
    with control_plane(drain=False) as plane:
        report = plane.drain()
    if output == "json":
        print_json(report)
    else:
        _tell(report)


def _tell(report: DrainReport) -> None:
    settings = get_current_settings()
    if settings.api.url is not None:
        click.echo(f"This version ships to no server yet; {settings.api.url} (api.url) was not asked.", err=True)
    else:
        click.echo("No server is configured (api.url), so journals go into the store of this home.")
    if not report.records and not report.removed:
        click.echo("There was nothing to take in.")
    else:
        click.echo(
            f"Taken in from {_count(report.journals, 'journal')}: {_count(report.records, 'record')} of "
            f"{_count(report.flow_runs, 'flow run')} and {_count(report.task_runs, 'task run')}, "
            f"{_count(report.logs, 'log line')}, {_count(report.artifacts, 'artifact')}. "
            f"{_count(report.removed, 'journal')} removed: their processes are gone and all they wrote is in the store."
        )
    for run in report.crashed_flow_runs:
        click.echo(f"Flow run {run} is Crashed: its process is gone. `levada flow-run resume {run}` goes on with it.")
    for problem in report.problems:
        click.echo(f"{problem.writer}: {problem.message}", err=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
