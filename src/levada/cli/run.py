"""`levada run`: run a flow from a file, here and now."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from levada import progress
from levada.cli.parameters import given_parameters
from levada.core.errors import ScriptError
from levada.core.states import exception_of
from levada.engine.tracebacks import authors_traceback
from levada.settings import get_current_settings

if TYPE_CHECKING:
    from levada.core.states import State
    from levada.flows import Flow

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of the signal, as shells have it."""


@click.command("run")
@click.argument("entrypoint", metavar="FILE[:FLOW]")
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("--params", "object_", metavar="JSON|@FILE", help="Parameters as a JSON object, or a file with one.")
@click.option("--name", metavar="TEXT", help="What the flow run is called.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag of the flow run; may be repeated.")
def command(
    entrypoint: str, params: tuple[str, ...], object_: str | None, name: str | None, tags: tuple[str, ...]
) -> None:
    """Run a flow from a file, or from a module (package.module:FLOW).

    FLOW may be left out when the file holds one flow. A VALUE that is JSON is taken as JSON unless the parameter is
    annotated as text. The exit code is 0 when the flow completed, 1 when it did not, and 130 after Ctrl-C.
    """
    flow = load(entrypoint)
    parameters = given_parameters(params, object_, lambda parameter: _is_text(flow, parameter))
    if name is not None:
        # Braces would be read as places of a template.
        flow = flow.with_options(flow_run_name=name.replace("{", "{{").replace("}", "}}"))
    with ExitStack() as around:
        if tags:
            from levada.context import tags as tagged  # lazy: few runs are tagged from outside

            around.enter_context(tagged(*tags))
        try:
            finish(run_to_state(lambda: flow(**parameters, return_state=True), flow))
        except KeyboardInterrupt as interrupt:
            progress.clear()
            click.echo(f"levada: {str(interrupt) or 'interrupted'}", err=True)
            sys.exit(INTERRUPTED)


def load(entrypoint: str) -> Flow[Any, Any]:
    """Load the author's flow; a file that raises ends this process with its traceback."""
    from levada.flows import load_flow_from_entrypoint  # lazy: usage errors need no engine

    try:
        return load_flow_from_entrypoint(entrypoint)
    except ScriptError as error:
        show_traceback(error.user_exc)
        click.echo(f"levada: {error}", err=True)
        sys.exit(1)


def run_to_state(call: Callable[[], Any], flow: Flow[Any, Any]) -> State | None:
    """Run a flow of any colour to its end.

    Args:
        call: calls it, asking for the state.
        flow: what is called; a generator is run to its end and has no state to give.
    """
    if not flow.isasync and not flow.isgenerator:
        return typing.cast("State", call())
    if not flow.isasync:
        for _ in call():
            pass
        return None
    import asyncio  # lazy: only async flows need a loop

    async def drained() -> Any:
        if not flow.isgenerator:
            return await call()
        async for _ in call():
            pass
        return None

    return typing.cast("State | None", asyncio.run(drained()))


def finish(state: State | None) -> None:
    """End this process with what came of a run: 0 when it completed, 1 when it did not."""
    progress.clear()
    if state is not None and not state.is_completed():
        if not get_current_settings().logging.to_console:
            # Otherwise the log has just shown it.
            show_traceback(exception_of(state))
        click.echo(f"levada: the flow run ended {state}", err=True)
        sys.exit(1)


def show_traceback(error: BaseException) -> None:
    """Print the author's part of a traceback: the frames of Levada itself say nothing about the mistake."""
    click.echo(authors_traceback(error), err=True)


def _is_text(flow: Flow[Any, Any], name: str) -> bool:
    """Whether a parameter is annotated as text, so that `-p code=007` stays what it is."""
    try:
        hint = typing.get_type_hints(flow.fn).get(name)
    except Exception:  # noqa: BLE001 - annotations are the author's; one that cannot be read says nothing about text
        hint = None
    return hint is str or (hint is not None and set(typing.get_args(hint)) == {str, type(None)})
