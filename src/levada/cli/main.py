"""The command `levada` itself: which nouns there are, and what happens when something goes wrong.

Exit codes: 0 it was done, 1 it failed or what was asked for is not there (one line on standard error), 2 the command
was written wrongly.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from levada.version import __version__

NOUNS: dict[str, tuple[str, str]] = {
    "run": ("run", "Run a flow from a file."),
    "init": ("init", "Write a first project file, levada.yaml."),
    "deploy": ("deploy", "Deploy flows, from a project file or an entrypoint."),
    "flow-run": ("flow_run", "Look at flow runs; resume, fork, cancel, delete and watch them."),
    "task-run": ("task_run", "Look at task runs, and cancel them."),
    "deployment": ("deployment", "Look at deployments; run, pause and schedule them, and choose their versions."),
    "backfill": ("backfill", "Run a deployment over a range of times gone by."),
    "flow": ("flow", "Look at flows, and serve them."),
    "artifact": ("artifact", "Look at artifacts, and delete them."),
    "variable": ("variable", "Read and write variables."),
    "concurrency-limit": ("concurrency_limit", "Make and look at concurrency limits, and who holds them."),
    "why": ("why", "Say why a run is where it is, and what can be done."),
    "journal": ("journal", "Look at, verify and ship the journals of this home."),
    "work-pool": ("work_pool", "Make, look at, pause and limit work pools, where runs wait for workers."),
    "work-queue": ("work_queue", "Make, look at, pause and limit the queues of work pools."),
    "worker": ("worker", "Execute runs of deployments: start workers, and look at them."),
    "task": ("task", "Execute the calls that tasks hand over with task.delay()."),
    "agent": ("agent", "Start a worker under its older name."),
    "server": ("server", "Start, look at and stop the server; its services and keys."),
    "database": ("database", "Check, make, upgrade and reset the tables of the database."),
    "config": ("config", "Show and change settings."),
    "profile": ("profile", "Keep named sets of settings."),
    "completion": ("completion", "Print what makes a shell complete our commands."),
    "version": ("version", "Print versions and places."),
}
"""Name of a noun: the module of this room that holds it, and what it does, for `levada --help`."""


class Suggesting(click.Group):
    """A group that says which command was probably meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command.

        Raises:
            click.UsageError: there is none of that name; the message names the one that was probably meant.
        """
        name = args[0]
        if name.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        import difflib  # lazy: only misspelt commands need it

        there_are = self.list_commands(ctx)
        close = [
            match for word in (name, name.replace("_", "-")) for match in difflib.get_close_matches(word, there_are)
        ]
        hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(there_are)}."
        raise click.UsageError(f"There is no command {name!r}. {hint}", ctx)


class Nouns(Suggesting):
    """A group whose commands are loaded when they are called, and whose help needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The nouns, in the order of the table."""
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a noun."""
        if cmd_name not in NOUNS:
            return None
        found = importlib.import_module(f"levada.cli.{NOUNS[cmd_name][0]}").command
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the nouns and their one-line helps."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in NOUNS.items()])


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(__version__)
        ctx.exit()


@click.group(cls=Nouns, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("-p", "--profile", metavar="NAME", help="Take settings from this profile.")
@click.option("--prompt/--no-prompt", default=None, help="Ask before something is destroyed, or never.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
def root(profile: str | None, prompt: bool | None) -> None:
    """Record, resume and look at runs of ordinary Python functions."""
    # The environment is how settings reach the processes that a command starts, too.
    if profile is not None:
        from levada.settings.profiles import load_profiles  # lazy: loads a TOML parser

        there_are = load_profiles().names
        if profile not in there_are:
            raise click.BadParameter(
                f"there is no profile {profile!r}. Profiles of this home: {', '.join(sorted(there_are)) or 'none'}.",
                param_hint="-p/--profile",
            )
        os.environ["LEVADA_PROFILE"] = profile
    if prompt is not None:
        os.environ["LEVADA_CLI_PROMPT"] = str(prompt).lower()


def main(args: Sequence[str] | None = None) -> None:
    """Run the command; ends the process with its exit code."""
    try:
        root.main(args=args, prog_name="levada")
    except Exception as error:
        from levada.core.errors import LevadaError  # lazy: only failures need it

        if not isinstance(error, LevadaError) or os.environ.get("LEVADA_DEBUG_MODE", "").lower() in {"1", "true"}:
            raise
        click.echo(f"levada: {error}", err=True)
        sys.exit(1)
