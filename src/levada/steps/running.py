"""Carrying out steps: which function a name means, its arguments filled in, and what it gives to later steps."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from levada.core.errors import LevadaError
from levada.core.templates import MISSING
from levada.steps.errors import StepExecutionError
from levada.steps.folders import set_working_directory
from levada.steps.git import git_clone
from levada.steps.packages import pip_install_requirements, uv_sync
from levada.steps.remote import pull_from_remote_storage
from levada.steps.shell import run_shell_script
from levada.steps.templating import RUN_TIME, Find, filled, first_of, within

KNOWN: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        git_clone,
        set_working_directory,
        pull_from_remote_storage,
        run_shell_script,
        pip_install_requirements,
        uv_sync,
    )
}
"""Steps that come with Levada, by name."""

_PREFIXES = ("levada.steps.", "prefect.deployments.steps.", "prefect.projects.steps.")
_LATER = {
    "pull_with_block": "blocks",
    "build_docker_image": "container pools",
    "push_docker_image": "container pools",
}
_RESERVED = {"id", "requires"}

Outputs = dict[str, Any]


def run_step(step: Mapping[str, Any], outputs: Mapping[str, Any] | None = None, find: Find = RUN_TIME) -> Any:
    """Carry out a step.

    Args:
        step: ``{name: {argument: value}}``; the arguments `id` and `requires` say how later steps name it, and which
            packages it needs.
        outputs: what earlier steps gave, by their ids.
        find: what other placeholders stand for.

    Returns:
        What the function gives.

    Raises:
        StepExecutionError: there is no such step, its arguments do not fit, or it failed.
    """
    name, arguments = parts_of(step)
    _require(name, arguments.get("requires"))
    function = function_of(name)
    try:
        own = {key: value for key, value in arguments.items() if key not in _RESERVED}
        given = filled(own, first_of(_of_steps(outputs or {}), find))
        inspect.signature(function).bind(**given)
    except TypeError as error:
        raise StepExecutionError(f"Step {name}: {error}.") from error
    except LevadaError as error:
        raise StepExecutionError(f"Step {name}: {error}") from error
    try:
        return _awaited(function(**given))
    except StepExecutionError as error:
        raise StepExecutionError(f"Step {name}: {error}") from error
    except Exception as error:
        raise StepExecutionError(f"Step {name} failed: {type(error).__name__}: {error}") from error


def run_steps(
    steps: Sequence[Mapping[str, Any]],
    outputs: Mapping[str, Any] | None = None,
    find: Find = RUN_TIME,
    tell: Callable[[str], object] = lambda _: None,
) -> Outputs:
    """Carry out steps in order; what they gave, by their ids.

    Args:
        steps: the steps.
        outputs: what earlier ones gave.
        find: what other placeholders stand for.
        tell: told the name of each step that begins.

    Raises:
        StepExecutionError: one failed; those after it were not begun.
    """
    gathered = dict(outputs or {})
    for step in steps:
        name, arguments = parts_of(step)
        tell(name)
        found = run_step(step, gathered, find)
        if not isinstance(found, Mapping):
            continue
        if isinstance(arguments.get("id"), str):
            gathered[arguments["id"]] = dict(found)
        gathered.setdefault("", {}).update(found)
    return gathered


def run_pull_steps(steps: Sequence[Mapping[str, Any]]) -> str | None:
    """Carry out the steps that fetch the code of a run, each in the folder to which those before it led.

    Args:
        steps: the steps.

    Returns:
        The folder of the code; None when no step led to one.

    Raises:
        StepExecutionError: one failed.
    """
    gathered: Outputs = {}
    place: str | None = None
    for step in steps:
        gathered = run_steps([step], gathered)
        found = gathered.get("", {}).pop("directory", None)
        if found is not None:
            place = os.path.abspath(str(found))
            os.chdir(place)
    return place


def parts_of(step: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and arguments of a step.

    Raises:
        StepExecutionError: it is written in another way.
    """
    if not isinstance(step, Mapping) or len(step) != 1:
        raise StepExecutionError(f"A step is one name with its arguments below it; got {step!r}.")
    ((name, arguments),) = step.items()
    if arguments is not None and not isinstance(arguments, Mapping):
        raise StepExecutionError(f"Step {name}: arguments are names and values; got {arguments!r}.")
    return str(name), dict(arguments or {})


def function_of(name: str) -> Callable[..., Any]:
    """The function that a step's name means.

    Raises:
        StepExecutionError: there is none.
    """
    last = name.rpartition(".")[2]
    ours = "." not in name or name.startswith(_PREFIXES)
    if ours and last in KNOWN:
        return KNOWN[last]
    if last in _LATER:
        raise StepExecutionError(f"Step {name} comes with {_LATER[last]}, which this version of Levada does not have.")
    if ours:
        raise StepExecutionError(f"There is no step {name!r}; there are: {', '.join(sorted(KNOWN))}.")
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except Exception as error:
        raise StepExecutionError(f"Step {name}: its module cannot be imported: {error!r}") from error
    if not callable(found):
        raise StepExecutionError(f"Step {name}: there is no function {attribute!r} in {module!r}.")
    checked: Callable[..., Any] = found
    return checked


def _require(name: str, packages: Any) -> None:
    """Look whether the packages of a step are there; they are not installed behind anybody's back."""
    wanted = [packages] if isinstance(packages, str) else list(packages or ())
    for package in wanted:
        bare = re.split(r"[\[<>=!~; ]", str(package), maxsplit=1)[0]
        module = name.partition(".")[0]
        if importlib.util.find_spec(bare.replace("-", "_")) is None and importlib.util.find_spec(module) is None:
            raise StepExecutionError(f"Step {name} needs the package {package!r}: pip install '{package}'.")


def _of_steps(outputs: Mapping[str, Any]) -> Find:
    def find(name: str) -> Any:
        beginning, *parts = name.split(".")
        if beginning not in outputs:
            return MISSING
        return within(outputs[beginning], parts, name)

    return find


def _awaited(found: Any) -> Any:
    if not inspect.isawaitable(found):
        return found
    import asyncio  # lazy: only steps of authors are async

    async def wait() -> Any:
        return await found

    return asyncio.run(wait())


__all__ = ["StepExecutionError", "function_of", "run_pull_steps", "run_step", "run_steps", "set_working_directory"]
