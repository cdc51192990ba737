"""From a project file to deployments: which entries are meant, their steps, their placeholders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.core.errors import LevadaError
from levada.core.templates import MISSING, names_in
from levada.deployments.code import checkout_of, refuse_secrets
from levada.flows import load_flow_from_entrypoint
from levada.projects.entries import STEP_FIELDS, check_entry, deployment_of
from levada.projects.reading import At, Project, ProjectError
from levada.steps import run_steps
from levada.steps.running import parts_of
from levada.steps.templating import RUN_TIME, Find, filled, first_of, refuse_blocks, within

if TYPE_CHECKING:
    from levada.deployments.deployment import Deployment
    from levada.flows import Flow

Tell = Callable[[str], object]

_OF_GIT = ("commit", "branch", "repository")


@dataclass
class Planned:
    """An entry of a project that is to be deployed.

    Attributes:
        project: the file.
        at: where it stands in it; empty for one that stands on a command line.
        entry: its fields, with what the command line says in place of what the file says.
    """

    project: Project
    at: At
    entry: dict[str, Any]

    @property
    def name(self) -> str:
        """Of the deployment."""
        return str(self.entry.get("name") or "")

    @property
    def flow_name(self) -> str:
        """Of the flow, as far as the file alone says it."""
        given = self.entry.get("flow_name")
        if given:
            return str(given)
        return str(self.entry.get("entrypoint") or "").rpartition(":")[2].replace("_", "-")

    def steps(self, kind: str) -> list[dict[str, Any]] | None:
        """Its own steps of a kind, or those of the file; None when neither says any."""
        found = self.entry[kind] if self.entry.get(kind) is not None else self.project.data.get(kind)
        return None if found is None else list(found)


def plan(project: Project, patterns: Iterable[str] = (), *, every: bool = False) -> list[Planned]:
    """The entries that somebody means.

    Args:
        project: the file.
        patterns: names, or ``flow/name`` with ``*`` for any text in both.
        every: all of them.

    Raises:
        ProjectError: an entry has a field that there is not, or a pattern means none.
    """
    listed = [Planned(project, ("deployments", nth), dict(one)) for nth, one in enumerate(project.deployments)]
    if every:
        chosen = listed
    else:
        chosen = []
        for pattern in patterns:
            found = [one for one in listed if _is_meant(one, pattern)]
            if not found:
                names = ", ".join(one.name or "(no name)" for one in listed) or "none"
                raise ProjectError(f"{project.path.name} has no deployment {pattern!r}; it has: {names}.")
            chosen += [one for one in found if one not in chosen]
    for one in chosen:
        check_entry(project, one.at, one.entry)
    return chosen


def _is_meant(one: Planned, pattern: str) -> bool:
    flow, slash, name = pattern.rpartition("/")
    return fnmatchcase(one.name, name) and (not slash or fnmatchcase(one.flow_name, flow))


def make(planned: Sequence[Planned], tell: Tell = lambda _: None) -> list[Deployment]:
    """The deployments that entries mean, after their build and push steps have run; nothing is deployed yet.

    Args:
        planned: the entries.
        tell: told the name of each step that begins.

    Raises:
        ProjectError: an entry cannot be used; the message names file, line and field.
        StepExecutionError: a step failed.
    """
    done: dict[str, dict[str, Any]] = {}
    made: list[Deployment] = []
    for one in planned:
        with _in(one.project.folder):
            flow = _load(one)
            outputs = _prepare(one, flow, done, tell)
            deployment = _deployment(one, flow, outputs)
            if any(deployment.full_name == other.full_name for other in made):
                raise one.project.error(one.at, f"{deployment.full_name} stands in it twice; the last would count.")
            made.append(deployment)
    return made


def _load(one: Planned) -> Flow[Any, Any]:
    entrypoint = one.entry.get("entrypoint")
    if not one.name:
        raise one.project.error(one.at, "the deployment has no name.")
    if not isinstance(entrypoint, str):
        raise one.project.error((*one.at, "entrypoint"), "say which flow it runs: entrypoint: path/file.py:function.")
    try:
        return load_flow_from_entrypoint(entrypoint)
    except LevadaError as error:
        raise one.project.error((*one.at, "entrypoint"), str(error)) from error


def _prepare(one: Planned, flow: Flow[Any, Any], done: dict[str, dict[str, Any]], tell: Tell) -> dict[str, Any]:
    """Run build and push steps; the same steps for several deployments run once."""
    outputs: dict[str, Any] = {}
    for kind in ("build", "push"):
        steps = one.steps(kind) or []
        key = repr((kind, steps, outputs, flow.name if "flow.name" in repr(steps) else ""))
        if key not in done:
            done[key] = run_steps(steps, outputs, first_of(_of_flow(flow), _of_git(one.project.folder), RUN_TIME), tell)
        outputs = done[key]
    return outputs


def _deployment(one: Planned, flow: Flow[Any, Any], outputs: Mapping[str, Any]) -> Deployment:
    known = first_of(_of_flow(flow), _of_steps(outputs), _of_git(one.project.folder))
    entry = {}
    for name, value in one.entry.items():
        if name in STEP_FIELDS:
            continue
        try:
            entry[name] = filled(value, first_of(known, RUN_TIME, _nobody_knows))
        except LevadaError as error:
            raise one.project.error((*one.at, name), str(error)) from error
    pull = one.steps("pull")
    pull_at = (*one.at, "pull") if one.entry.get("pull") is not None else ("pull",)
    # What only the run's own machine knows (variables, environment) stays for that to fill in.
    try:
        for step in pull or ():
            parts_of(step)
        for name in names_in(pull):
            refuse_blocks(name)
        pull = None if pull is None else filled(pull, known)
    except LevadaError as error:
        raise one.project.error(pull_at, str(error)) from error
    made = deployment_of(one.project, one.at, entry, flow, pull)
    try:
        refuse_secrets(made.pull or ())
    except LevadaError as error:
        raise one.project.error(pull_at, str(error)) from error
    return made


def _of_flow(flow: Flow[Any, Any]) -> Find:
    return lambda name: {"flow.name": flow.name, "flow.version": flow.version}.get(name, MISSING)


def _of_git(folder: Path) -> Find:
    """What git says about the folder of the project.

    Raises:
        ProjectError: it is named, and not known.
    """

    def find(name: str) -> Any:
        beginning, _, wanted = name.partition(".")
        if beginning != "git" or wanted not in _OF_GIT:
            return MISSING
        found = getattr(checkout_of(folder), wanted)
        if found is None:
            raise ProjectError(f"{{{{ {name} }}}}: {str(folder)!r} is no git repository that has a {wanted}.")
        return found

    return find


def _of_steps(outputs: Mapping[str, Any]) -> Find:
    def find(name: str) -> Any:
        beginning, *parts = name.split(".")
        return MISSING if beginning not in outputs else within(outputs[beginning], parts, name)

    return find


def _nobody_knows(name: str) -> Any:
    raise ProjectError(
        f"{{{{ {name} }}}} names nothing: there is no build or push step with that id. Known are step-id.key, "
        "$VARIABLE, levada.variables.NAME, flow.name and git.commit."
    )


@contextmanager
def _in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
