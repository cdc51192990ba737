"""`levada init`: write a first project file."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("init")
@click.option("--recipe", metavar="NAME", help="How runs get the code: local, git, git-requirements, remote.")
@click.option("--name", metavar="TEXT", help="Of the project; that of this folder unless given.")
@click.option("--force", is_flag=True, help="Write over a levada.yaml that is there.")
def command(recipe: str | None, name: str | None, force: bool) -> None:
    """Write a levada.yaml for this folder, with the flows that are found in it.

    Without --recipe: git in a repository that has a remote, local elsewhere.
    """
    from levada.projects import write_project  # lazy: usage errors need none of it

    path = write_project(Path.cwd(), recipe, name, force=force)
    click.echo(f"Wrote {path.name}. Read it, then: levada deploy --all")
