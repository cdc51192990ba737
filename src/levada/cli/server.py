"""`levada server`: start, look at and stop the server of this home; its services and its keys."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from levada.cli.database import command as database
from levada.cli.login import login, logout
from levada.cli.main import Suggesting
from levada.cli.output import Cell, ago, output_option, print_details, print_json, print_table
from levada.cli.server_keys import api_key
from levada.core.errors import ConfigurationError, ServerUnavailable
from levada.settings import get_current_settings, temporary_settings

if TYPE_CHECKING:
    from levada.server.presence import Presence

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_LOOK_SECONDS = 0.03


@click.group("server", cls=Suggesting)
def command() -> None:
    """Run the server: an API for flows that run anywhere, on SQLite in the home or on PostgreSQL.

    Flows report to it when LEVADA_API_URL names it. It listens on this machine alone unless --host says otherwise.
    """


command.add_command(api_key)
command.add_command(database)
command.add_command(login)
command.add_command(logout)


@command.command("start")
@click.option("--host", help="Address to listen on (server.host). Beyond this machine it demands keys or a password.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (server.port); 0 takes a free one.")
@click.option("--workers", type=click.IntRange(1), help="Processes that answer (server.workers); needs PostgreSQL.")
@click.option("--no-services", is_flag=True, help="Only answer: the services run elsewhere.")
@click.option("--no-ui", is_flag=True, help="Serve the API alone, without a page.")
@click.option("--background", is_flag=True, help="Return as soon as it serves; it goes on, and logs to a file.")
@click.option("--access-log", is_flag=True, help="Log every request.")
@click.option(
    "--allow-unauthenticated", is_flag=True, help="Let everybody who reaches the address read and change everything."
)
def start(host: str | None, port: int | None, workers: int | None, background: bool, **flags: bool) -> None:
    """Start the server and serve until it is stopped.

    A schema that is out of date is upgraded first (database.upgrade_on_start). A database that is away is waited for.
    """
    given = {"server.host": host, "server.port": port, "server.workers": workers}
    if background:
        _start_in_background({name: value for name, value in given.items() if value is not None}, flags)
        return
    from levada.server.process import Options, run  # lazy: what serves takes a third of a second to load

    options = Options(
        services=not flags["no_services"],
        ui=not flags["no_ui"],
        access_log=flags["access_log"],
        allow_unauthenticated=flags["allow_unauthenticated"],
        log=os.environ.get(_LOG_VARIABLE),
    )
    with temporary_settings({name: value for name, value in given.items() if value is not None}) as settings:
        run(settings, options, lambda line: click.echo(line, err=True))


@command.command("status")
@click.option("--port", type=int, help="Of the server on this port; needed when several run in this home.")
@click.option("--wait", is_flag=True, help="Wait until it serves and its database answers.")
@click.option(
    "--timeout", type=float, default=_START_SECONDS, show_default=True, metavar="SECONDS", help="How long to wait."
)
@output_option
def status(port: int | None, wait: bool, timeout: float, output: str) -> None:
    """Say whether the server runs and can work; the exit code is 1 when it cannot.

    It is the server of this home or, when none runs here, the one that api.url names.
    """
    deadline = time.monotonic() + timeout
    found = _look(port)
    while wait and not found["ready"] and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
        found = _look(port)
    if output == "json":
        print_json(found)
    else:
        _show(found)
    if not found["ready"]:
        sys.exit(1)


@command.command("stop")
@click.option("--port", type=int, help="The server on this port; needed when several run in this home.")
@click.option(
    "--timeout",
    type=float,
    default=_STOP_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long it may take to finish what it does; then it is killed.",
)
def stop(port: int | None, timeout: float) -> None:
    """Stop the server of this home: it accepts nothing more, finishes its requests, and ends."""
    found = _of_home(port)
    if found is None:
        raise ServerUnavailable(f"No server runs in {get_current_settings().home}.")
    os.kill(found.pid, signal.SIGTERM)
    if _until(lambda: _of_home(found.port) is None, timeout):
        click.echo(f"The server at {found.url} has ended.")
        return
    os.kill(found.pid, signal.SIGKILL)
    _until(lambda: _of_home(found.port) is None, timeout)
    raise ServerUnavailable(
        f"The server at {found.url} (process {found.pid}) had not ended after {timeout:g} seconds and was killed. "
        "Nothing is lost: flows send again what was not acknowledged."
    )


@command.group("services", cls=Suggesting)
def services() -> None:
    """Look at the loops that a server runs beside answering, and run them by themselves."""


@services.command("ls")
@output_option
def services_ls(output: str) -> None:
    """List the services, what each does, and whether settings let it run."""
    from levada.control import ControlPlane  # lazy: as below
    from levada.control.services.registry import describe_services  # lazy: `--help` needs no service

    settings = get_current_settings()
    found = describe_services(ControlPlane(settings.home), settings)
    if output == "json":
        print_json(found)
        return
    print_table(
        ["Service", "Every", "Runs", "What it does"],
        [
            [
                one.name,
                f"{one.interval:g} s",
                Cell("yes", "green") if one.enabled else Cell("disabled", "yellow"),
                one.does,
            ]
            for one in found
        ],
        empty="There are no services.",
    )


@services.command("start")
def services_start() -> None:
    """Run the services without answering, for servers that were started with --no-services. Any number may run."""
    from levada.server.process import run_services  # lazy: only servers need it

    run_services(get_current_settings(), lambda line: click.echo(line, err=True))


_LOG_VARIABLE = "_LEVADA_SERVER_LOG"
"""How a server in the background knows where its log is; not a setting."""


def _start_in_background(given: dict[str, Any], flags: dict[str, bool]) -> None:
    home = get_current_settings().home
    folder = home / "server"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = folder / "server.log"
        sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be written: {error.strerror}. LEVADA_HOME names the home."
        ) from error
    began = os.fstat(sink).st_size
    arguments = [f"--{name.removeprefix('server.')}={value}" for name, value in given.items()]
    arguments += [f"--{name.replace('_', '-')}" for name, value in flags.items() if value]
    child = subprocess.Popen(
        [sys.executable, "-m", "levada.cli", "server", "start", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=sink,
        stderr=sink,
        start_new_session=True,
        env={**os.environ, _LOG_VARIABLE: str(log)},
    )
    os.close(sink)
    _until(lambda: child.poll() is not None or _of_process(child.pid) is not None, _START_SECONDS)
    said = log.read_bytes()[began:].decode(errors="replace").strip()
    presence = _of_process(child.pid)
    if child.poll() is not None:
        raise ServerUnavailable(f"The server ended right after its start. It said:\n{said}")
    if presence is None:
        child.terminate()
        raise ServerUnavailable(f"The server did not serve within {_START_SECONDS:g} seconds. It said:\n{said}")
    for line in said.splitlines():
        if line.startswith("WARNING"):
            click.echo(line, err=True)
    click.echo(f"The server runs at {presence.url}, process {presence.pid}; its log is {log}.")


def _servers() -> list[Presence]:
    from levada.server.presence import running  # lazy: only these commands look for servers

    return running(get_current_settings().home)


def _of_process(pid: int) -> Presence | None:
    return next((one for one in _servers() if one.pid == pid), None)


def _of_home(port: int | None) -> Presence | None:
    """The server of this home.

    Raises:
        ConfigurationError: several could be meant.
    """
    found = _servers()
    if port is not None:
        return next((one for one in found if one.port == port), None)
    if len(found) > 1:
        ports = ", ".join(str(one.port) for one in found)
        raise ConfigurationError(f"Several servers run in this home, on the ports {ports}; say which with --port.")
    return found[0] if found else None


def _look(port: int | None) -> dict[str, Any]:
    """What is known of the server, as `status -o json` prints it."""
    found = _of_home(port)
    settings = get_current_settings()
    elsewhere = found is None and port is None and settings.api.url is not None
    url = f"{found.url}/api" if found is not None else settings.api.url if elsewhere else None
    healthy, _ = _asked(url, "health")
    ready, why = _asked(url, "ready") if healthy else (False, None)
    return {
        "running": found is not None or healthy,
        "healthy": healthy,
        "ready": ready,
        "why": why,
        "url": url,
        "pid": found.pid if found else None,
        "port": found.port if found else None,
        "started": datetime.fromtimestamp(found.started, UTC) if found else None,
        "version": found.version if found else None,
        "database": found.database if found else None,
        "workers": found.workers if found else None,
        "services": found.services if found else None,
        "log": found.log if found else None,
    }


def _asked(url: str | None, word: str) -> tuple[bool, str | None]:
    """Whether the server says yes, and what it says otherwise."""
    if url is None:
        return False, None
    from http.client import HTTPConnection, HTTPException, HTTPSConnection  # lazy: only this command asks by itself
    from urllib.parse import urlsplit  # lazy: as above

    parts = urlsplit(url)
    try:
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=5)
        try:
            connection.request("GET", f"{parts.path.rstrip('/')}/{word}")
            answer = connection.getresponse()
            said = answer.read(100_000)
        finally:
            connection.close()
    except (OSError, ValueError, HTTPException) as error:
        return False, str(error)
    return (True, None) if answer.status == 200 else (False, _detail(said))


def _detail(said: bytes) -> str:
    """What a problem says, or whatever else was said."""
    from msgspec import DecodeError, ValidationError, json  # lazy: as above

    from levada.wire.problems import Problem  # lazy: as above

    try:
        return json.decode(said, type=Problem).detail
    except (DecodeError, ValidationError):
        return said.decode(errors="replace")[:500]


def _show(found: dict[str, Any]) -> None:
    if not found["running"]:
        if found["url"] is None:
            click.echo(f"No server runs in {get_current_settings().home}. `levada server start` starts one.", err=True)
        else:
            click.echo(f"The server at {found['url']} does not answer.", err=True)
        return
    words = (
        Cell("serves", "green")
        if found["ready"]
        else Cell("answers, but cannot reach its database", "yellow")
        if found["healthy"]
        else Cell("runs, but does not answer", "red")
    )
    print_details(
        [
            ("Server", words),
            ("Address", found["url"]),
            ("Process", found["pid"]),
            ("Started", ago(found["started"])),
            ("Version", found["version"]),
            ("Database", found["database"]),
            ("Processes", found["workers"]),
            ("Services", None if found["services"] is None else "run here" if found["services"] else "run elsewhere"),
            ("Log", None if found["log"] is None else str(Path(found["log"]))),
        ]
    )


def _until(true: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is true; whether it became so in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True
