"""`levada journal`: what runs appended and nobody has taken in yet."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from levada.cli.main import Suggesting
from levada.cli.output import Cell, output_option, plain, print_json, print_table, size_text
from levada.core.faults import arm_from
from levada.settings import get_current_settings
from levada.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from levada.control.drain import DrainReport
    from levada.core.settings import Settings
    from levada.journal import WriterDirectory
    from levada.journal.leftovers import Shipment

_NONE = "There are no journals: everything that was recorded is in the store."


@click.group("journal", cls=Suggesting)
def command() -> None:
    """Look at, verify and ship the journals of this home.

    A process that records runs appends to a journal of its own. Without a server, whoever looks at runs first takes
    journals into the store of the home; with one (`api.url`), each process sends its own. A journal whose process is
    gone is removed once everything in it has arrived.
    """


@command.command("ls")
@output_option
def ls(output: str) -> None:
    """List the journals that have not arrived completely; changes nothing."""
    from levada.journal import writers  # lazy: only this command reads journals itself

    found = [_described(one) for one in writers(get_current_settings().home)]
    if output == "json":
        print_json(found)
        return
    print_table(
        ["Writer", "Process", "Segments", "Size", "Unsent", "Where"],
        [
            [
                one["writer"],
                Cell("lives", "green") if one["live"] else Cell("gone", "yellow"),
                one["segments"],
                size_text(one["size"]),
                "-" if one["destination"] is None else f"{size_text(one['unsent'])} to {one['destination']}",
                Cell(one["paths"][0] if one["paths"] else ""),
            ]
            for one in found
        ],
        empty=_NONE,
    )


def _described(one: WriterDirectory) -> dict[str, Any]:
    from levada.journal.outgoing import unsent_bytes  # lazy: only this command reads journals itself

    destination = one.destination
    return {
        "writer": one.writer.hex(),
        "live": one.is_live(),
        "segments": len(one.segments()),
        "size": one.size(),
        "destination": destination,
        "unsent": 0 if destination is None else unsent_bytes(one),
        "paths": [str(path) for path in one.paths],
    }


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
            ["Writer", "Records", "Size", "Unsent", "Verdict"],
            [
                [
                    report.writer,
                    report.records,
                    size_text(report.size),
                    "-" if report.destination is None else f"{size_text(report.unsent)} to {report.destination}",
                    Cell("healthy", "green") if report.healthy else Cell("damaged", "red"),
                ]
                for report in reports
            ],
            empty=_NONE,
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
@click.option("--all", "everything", is_flag=True, help="Also ship what was recorded for another server to this one.")
@output_option
def ship(everything: bool, output: str) -> None:
    """Ship what processes that are gone have left.

    Journals that were recorded for a server go to the one that `api.url` names; those recorded without one go into
    the store of this home. What a living process records it ships itself. Runs whose worker died are reported as they
    ended. The exit code is 1 when something is left.
    """
    from levada.control import ControlPlane  # lazy: only this command needs a database

    settings = get_current_settings()
    arm_from(os.environ)
    with ControlPlane(settings.home) as plane:  # the home's own, also where a server is configured
        drained = plane.drain()
    url = settings.api.url
    _settle(settings)
    sent, problem = _ship(settings.home, url.rstrip("/"), everything, quiet=output == "json") if url else (None, None)
    waiting = _waiting(settings.home)
    if output == "json":
        print_json({**plain(drained), "shipped": sent, "problem": problem, "waiting": waiting})
    else:
        _tell_of_home(drained)
        if sent is not None and (sent.records or problem is None):
            _tell_of_server(sent, str(url))
        if problem is not None:
            click.echo(f"{url} did not take everything: {problem}", err=True)
        for destination, count in waiting.items():
            click.echo(_how_to_ship(destination, count, url), err=True)
    if waiting:
        sys.exit(1)


def _settle(settings: Settings) -> None:
    """Say how runs ended whose worker died before it could."""
    from levada.worker.jobs import job_folders  # lazy: only this command looks for them

    if not any(job_folders(settings.home)):
        return
    from levada.client.places import plane_of  # lazy: few homes have any
    from levada.worker.settling import settle_left_runs  # lazy: as above

    with plane_of(settings, settings.home, version=__version__, max_retries=0) as plane:
        settle_left_runs(plane, settings.home, settings.api.url, lambda line: click.echo(line, err=True))


def _ship(home: Path, url: str, everything: bool, *, quiet: bool) -> tuple[Shipment, str | None]:
    from levada.client.http.transport import Transport  # lazy: only this command ships
    from levada.core.errors import LevadaError  # lazy: as above
    from levada.journal.leftovers import Shipment, leftovers, ship  # lazy: as above

    shipment = Shipment()
    found = leftovers(home, None if everything else url)
    if not found:
        return shipment, None
    progress = None if quiet or not sys.stderr.isatty() else _progress
    transport = Transport.from_settings(get_current_settings())
    try:
        for directory in found:
            ship(directory, transport.ingest, shipment, progress=progress)
    except (LevadaError, OSError) as problem:
        return shipment, str(problem)
    finally:
        transport.close()
        if progress is not None:
            click.echo(err=True)
    return shipment, None


def _progress(shipment: Shipment) -> None:
    click.echo(f"\r{shipment.records} records, {size_text(shipment.size)} sent", nl=False, err=True)


def _waiting(home: Path) -> dict[str, int]:
    """How many journals of dead processes still wait, by the address they are for."""
    from levada.journal.leftovers import leftovers  # lazy: only this command ships

    found: dict[str, int] = {}
    for directory in leftovers(home):
        destination = directory.destination
        if destination is not None:  # removed meanwhile
            found[destination] = found.get(destination, 0) + 1
    return found


def _how_to_ship(destination: str, count: int, url: str | None) -> str:
    told = f"{_count(count, 'journal')} for {destination} {'is' if count == 1 else 'are'} still here"
    if url is None:
        return f"{told}: set LEVADA_API_URL={destination} (api.url) to ship."
    if destination == url.rstrip("/"):
        return f"{told}."
    return f"{told}; `levada journal ship --all` ships to {url} instead."


def _tell_of_home(report: DrainReport) -> None:
    local = get_current_settings().api.url is None
    if local:
        click.echo("No server is configured (api.url), so journals go into the store of this home.")
    if not report.records and not report.removed:
        if local:
            click.echo("There was nothing to take in.")
    else:
        click.echo(
            f"Taken into the store of this home from {_count(report.journals, 'journal')}: "
            f"{_count(report.records, 'record')} of {_count(report.flow_runs, 'flow run')} and "
            f"{_count(report.task_runs, 'task run')}, "
            f"{_count(report.logs, 'log line')}, {_count(report.artifacts, 'artifact')}. "
            f"{_count(report.removed, 'journal')} removed: their processes are gone and all they wrote is in the store."
        )
    for run in report.crashed_flow_runs:
        click.echo(f"Flow run {run} is Crashed: its process is gone. `levada flow-run resume {run}` goes on with it.")
    for problem in report.problems:
        click.echo(f"{problem.writer}: {problem.message}", err=True)


def _tell_of_server(shipment: Shipment, url: str) -> None:
    if not shipment.journals and not shipment.records:
        click.echo(f"There was nothing to send to {url}.")
    else:
        click.echo(
            f"Sent to {url}: {_count(shipment.records, 'record')}, {size_text(shipment.size)}. "
            f"{_count(shipment.journals, 'journal')} removed."
        )
    if shipment.busy:
        click.echo(f"{_count(shipment.busy, 'journal')} left to another process that ships at this moment.")
    for writer, sequence, reason in shipment.refused:
        click.echo(f"{writer}: the server cannot read record {sequence}: {reason}", err=True)
    for writer, problem in shipment.problems:
        click.echo(f"{writer}: {problem.message}", err=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
