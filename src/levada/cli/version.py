"""`levada version`: which Levada this is, and where it keeps things."""

from __future__ import annotations

import platform
import sys

import click

from levada.cli.output import output_option, print_details, print_json
from levada.settings import get_current_settings
from levada.version import __version__


@click.command("version")
@output_option
def command(output: str) -> None:
    """Print versions and places."""
    settings = get_current_settings()
    facts = {
        "version": __version__,
        "python": platform.python_version(),
        "platform": f"{sys.platform}-{platform.machine()}",
        "home": str(settings.home),
        "profile": _profile_name(),
        "server": settings.api.url,
    }
    if output == "json":
        print_json(facts)
    else:
        print_details(
            [
                ("Levada", facts["version"]),
                ("Python", facts["python"]),
                ("Platform", facts["platform"]),
                ("Home", facts["home"]),
                ("Profile", facts["profile"] or "none"),
                ("Server", facts["server"] or "none: runs are recorded in the home"),
            ]
        )


def _profile_name() -> str | None:
    from levada.settings.profiles import load_current_profile  # lazy: loads a TOML parser

    current = load_current_profile()
    return current.name if current is not None else None
