"""`levada deploy`: deploy flows, from a project file or from an entrypoint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from levada.cli.deployment_options import add_parameters, entry_of, pool_of, what_options, when_options, where_options
from levada.cli.home import control_plane
from levada.cli.output import output_option, print_json
from levada.core.errors import ConfigurationError

if TYPE_CHECKING:
    from levada.cli.deploy_questions import Questions
    from levada.projects import Planned, Project
    from levada.wire.verbs import Plane


@click.command("deploy")
@click.argument("entrypoint", required=False, metavar="[FILE:FLOW]")
@click.option("-n", "--name", "names", multiple=True, metavar="NAME", help="Which; flow/* and nightly-* are patterns.")
@click.option("--all", "every", is_flag=True, help="Every deployment of the project file.")
@click.option("--file", "file", metavar="PATH", help="Project file; levada.yaml or prefect.yaml unless given.")
@where_options
@when_options
@what_options
@click.option("--no-schedule", is_flag=True, help="Take away the schedules that it has.")
@output_option
def command(entrypoint: str | None, names: tuple[str, ...], every: bool, file: str | None, **given: Any) -> None:
    """Deploy flows, so that workers run them on schedules and on request.

    With FILE:FLOW, that flow under one name; without it, what a project file (levada.yaml) says. Options go over what
    the file says. On a terminal, what is missing is asked for; without one nothing is ever asked.
    """
    from levada.deployments.registering import next_steps, register  # lazy: usage errors need none of it
    from levada.projects import find_project  # lazy: as above
    from levada.projects.deploying import make  # lazy: as above

    project = find_project(Path.cwd(), file)
    with control_plane(drain=False) as plane:
        questions = _questions(plane)
        planned = _from_entrypoint(entrypoint, names, project, questions) if entrypoint else []
        if not planned:
            planned = _from_file(names, every, file, project, questions)
        _override(planned, given)
        for one in planned:
            _complete(one, given, questions)
        deployments = make(planned, lambda step: click.echo(f"Step {step} …", err=True))
        for deployment in deployments:
            add_parameters(deployment, given)
        taken = register(deployments, plane)
    if given["output"] == "json":
        print_json(taken)
    else:
        click.echo(next_steps(taken))


def _questions(plane: Plane) -> Questions | None:
    """What asks the person at the terminal; None when there is none."""
    from levada.cli.deploy_questions import Questions, somebody_is_there  # lazy: as above

    return Questions(plane) if somebody_is_there() else None


def _from_entrypoint(
    entrypoint: str, names: tuple[str, ...], project: Project | None, questions: Questions | None
) -> list[Planned]:
    """The deployment of a flow that the command line names; an entry of the project of that name, if there is one."""
    from levada.projects import Planned, Project  # lazy: only this command reads projects
    from levada.projects.deploying import plan  # lazy: as above
    from levada.projects.reading import ProjectError  # lazy: as above

    if len(names) > 1:
        raise click.UsageError("One flow is deployed under one name; -n was given several times.")
    name = names[0] if names else questions.name(entrypoint) if questions else None
    if name is None:
        raise click.UsageError("Say what the deployment is called: -n NAME.")
    if project is not None:
        try:
            found = plan(project, [name])
        except ProjectError:
            found = []
        if len(found) == 1:
            file, mark, flow = entrypoint.partition(".py:")
            if mark:
                file = os.path.relpath(file, project.folder)
            found[0].entry["entrypoint"] = f"{file}{mark}{flow}"
            return found
    steps = {kind: project.data.get(kind) for kind in ("build", "push", "pull")} if project is not None else {}
    asked = Project(Path.cwd() / "levada.yaml", steps)
    return [Planned(asked, (), {"name": name, "entrypoint": entrypoint})]


def _from_file(
    names: tuple[str, ...], every: bool, file: str | None, project: Project | None, questions: Questions | None
) -> list[Planned]:
    """The entries of the project file that are meant."""
    from levada.projects.deploying import plan  # lazy: only this command reads projects

    if every and names:
        raise click.UsageError("--all means every deployment, and -n some of them; give one of the two.")
    if project is None or not project.deployments:
        if questions is not None and not names and not every:
            entrypoint = questions.flow(Path.cwd())
            return _from_entrypoint(entrypoint, (), project, questions)
        where = f"{project.path.name} has no deployments" if project else f"there is no {file or 'levada.yaml'} here"
        raise click.UsageError(
            f"Nothing to deploy: {where}. Name a flow (levada deploy FILE:FLOW -n NAME -p POOL), or write a project "
            "file: levada init."
        )
    if every or names:
        return plan(project, names, every=every)
    listed = plan(project, every=True)
    if len(listed) == 1:
        return listed
    if questions is not None:
        return questions.some_of(listed)
    raise click.UsageError(
        f"{project.path.name} has {len(listed)} deployments; say which: --all, or -n NAME "
        f"({', '.join(one.name for one in listed)})."
    )


def _override(planned: list[Planned], given: dict[str, Any]) -> None:
    """Put what the command line says over what the file says."""
    said = entry_of(given)
    if given["no_schedule"]:
        if said.get("schedules"):
            raise click.UsageError("--no-schedule takes schedules away; give it or a schedule.")
        said |= {"schedules": [], "schedule": None}
    pool = pool_of(given)
    for one in planned:
        one.entry.update(said)
        own = one.entry.get("work_pool") or {}
        if pool:
            variables = {**(own.get("job_variables") or {}), **pool.get("job_variables", {})}
            one.entry["work_pool"] = {**own, **pool, **({"job_variables": variables} if variables else {})}


def _complete(one: Planned, given: dict[str, Any], questions: Questions | None) -> None:
    """Ask for what is missing, or say that it is."""
    if not (one.entry.get("work_pool") or {}).get("name"):
        if questions is None:
            raise ConfigurationError(
                f"Say in which work pool {one.name!r} runs: -p POOL, or work_pool.name in the project file. "
                "`levada work-pool create NAME` makes one."
            )
        one.entry["work_pool"] = {**(one.entry.get("work_pool") or {}), "name": questions.pool()}
    says_when = one.entry.get("schedules") is not None or one.entry.get("schedule") is not None
    if questions is not None and not one.at and not says_when and not given["no_schedule"]:
        schedule = questions.schedule()
        if schedule:
            one.entry["schedules"] = [schedule]
