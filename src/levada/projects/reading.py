"""Reading a project file; errors name the file, the line and the field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from levada.core.errors import ConfigurationError

FILE_NAMES = ("levada.yaml", "prefect.yaml")
"""Names of project files; the first that is there counts."""

TOP = ("name", "levada-version", "prefect-version", "definitions", "build", "push", "pull", "deployments")
"""Fields of a project file."""

At = tuple[str | int, ...]
"""Where something stands: keys and positions from the top."""


class ProjectError(ConfigurationError):
    """A project file cannot be used."""


@dataclass
class Project:
    """A project file.

    Attributes:
        path: the file.
        data: what it holds, with anchors resolved.
        lines: on which line everything stands; empty when it stands in no file.
    """

    path: Path
    data: dict[str, Any]
    lines: dict[At, int] = field(default_factory=dict, repr=False)

    @property
    def folder(self) -> Path:
        """The folder of the file, from which entrypoints count."""
        return self.path.parent

    @property
    def deployments(self) -> list[dict[str, Any]]:
        """The entries, as they stand there."""
        return self.data.get("deployments") or []

    def error(self, at: At, problem: str) -> ProjectError:
        """An error about a place of the file."""
        if not self.lines:  # what stands on a command line
            return ProjectError(f"{dotted(at)}: {problem}" if at else problem)
        return ProjectError(f"{self.path.name}:{self.line(at)}: {dotted(at)}: {problem}")

    def line(self, at: At) -> int:
        """The line of a place, from 1; of what is around it when it has none of its own."""
        while at not in self.lines and at:
            at = at[:-1]
        return self.lines.get(at, 1)


def dotted(at: At) -> str:
    """A place as people write it: ``deployments[0].work_pool.name``."""
    text = ""
    for part in at:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the file"


def find_project(folder: Path, name: str | None = None) -> Project | None:
    """The project of a folder; None when there is no file.

    Args:
        folder: where to look.
        name: of the file, which must be there; one of `FILE_NAMES` unless given.

    Raises:
        ProjectError: the file cannot be read or used.
    """
    if name is not None:
        return read_project(folder / Path(name).expanduser())
    found = next((folder / one for one in FILE_NAMES if (folder / one).is_file()), None)
    return None if found is None else read_project(found)


def read_project(path: Path) -> Project:
    """Read a project file.

    Raises:
        ProjectError: it cannot be read or used; the message names file, line and field.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProjectError(f"The project file {str(path)!r} cannot be read: {error.strerror}.") from error
    try:
        data = yaml.safe_load(text)
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise ProjectError(f"{path.name}{line}: this is not YAML: {getattr(error, 'problem', error)}.") from error
    if data is None:
        data = {}
    project = Project(path.resolve(), data, {})
    if root is not None:
        _note_lines(root, (), project.lines, set())
    _check_top(project)
    return project


def check_names(project: Project, at: At, given: Iterable[Any], known: Iterable[str], noun: str = "field") -> None:
    """Do nothing when all names are known.

    Raises:
        ProjectError: one is not; the message says which was probably meant.
    """
    there_are = list(known)
    for name in given:
        if name not in there_are:
            close = get_close_matches(str(name), there_are, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(there_are)}."
            raise project.error((*at, name), f"there is no such {noun}. {hint}")


def _check_top(project: Project) -> None:
    if not isinstance(project.data, dict):
        raise project.error((), "a project file is a table of names and values.")
    for name in project.data:
        close = get_close_matches(str(name), TOP, n=1, cutoff=0.8)
        # Others are places for anchors, and nobody's mistake.
        if name not in TOP and close:
            raise project.error((name,), f"there is no such field. Did you mean {close[0]!r}?")
    for name in ("build", "push", "pull", "deployments"):
        value = project.data.get(name)
        if value is not None and not isinstance(value, list):
            raise project.error((name,), f"a list is expected, not {type(value).__name__}.")
    for position, entry in enumerate(project.deployments):
        if not isinstance(entry, dict):
            raise project.error(("deployments", position), "a deployment is a table of names and values.")


def _note_lines(node: yaml.Node, at: At, lines: dict[At, int], within: set[int]) -> None:
    """Remember the lines of a node and of all below it; an anchor may stand inside itself."""
    lines.setdefault(at, node.start_mark.line + 1)
    if id(node) in within:
        return
    within.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*at, key.value)
            lines[place] = key.start_mark.line + 1
            _note_lines(value, place, lines, within)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            _note_lines(value, (*at, position), lines, within)
    within.discard(id(node))
