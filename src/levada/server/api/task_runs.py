"""Task runs over HTTP: found, counted, looked at, corrected."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, get, post
from litestar.params import Parameter

from levada.server.api.answers import answers
from levada.server.api.checks import checked, named
from levada.server.pattern import HEAVY, By, ThePlane, TheSettings
from levada.server.rendering import drawn_up
from levada.wire.changes import Decision, ProposedState
from levada.wire.filters import TaskRunQuery
from levada.wire.objects import Count, Page, StateView, TaskRun, Why
from levada.wire.pages import TaskRunPage
from levada.wire.requests import MOST_COUNTED


@get(
    "/{task:str}",
    operation_id="read_task_run",
    summary="Read a task run",
    responses=answers(200, "The task run with its state history.", TaskRun, 404),
    sync_to_thread=True,
)
def read_task_run(plane: ThePlane, task: str) -> TaskRun:
    """One task run with its state history, named by id or by the beginning of its id."""
    return plane.read_task_run(named(task))


@post(
    "/filter",
    operation_id="read_task_runs",
    opt=HEAVY,
    summary="List task runs",
    status_code=200,
    responses=answers(200, "A page; pass `next` on as `cursor` to get what follows.", TaskRunPage),
    sync_to_thread=True,
)
@drawn_up
def read_task_runs(plane: ThePlane, data: TaskRunQuery, settings: TheSettings) -> Page:
    """A page of the task runs for which every filter given holds, in the order they were made."""
    return plane.read_task_runs(checked(data, most_per_page=settings.server.max_page_size))


@post(
    "/count",
    operation_id="count_task_runs_up_to",
    opt=HEAVY,
    summary="Count task runs",
    status_code=200,
    responses=answers(200, "How many; `exact` is false when there are more than the bound.", Count),
    sync_to_thread=True,
)
def count_task_runs(
    plane: ThePlane,
    data: TaskRunQuery,
    bound: Annotated[int, Parameter(ge=1, le=MOST_COUNTED, description="How far to count.")] = 10_000,
) -> Count:
    """How many task runs the query finds, its limit and cursor aside, counted no further than a bound."""
    return plane.count_task_runs_up_to(checked(data), bound)


@get(
    "/{task:str}/states",
    operation_id="task_run_states",
    summary="State history of a task run",
    responses=answers(200, "Every state, oldest first.", list[StateView], 404),
    sync_to_thread=True,
)
def task_run_states(plane: ThePlane, task: str) -> list[StateView]:
    """Every state a task run was ever in."""
    return plane.task_run_states(named(task))


@get(
    "/{task:str}/why",
    operation_id="why_task_run",
    summary="Why a task run is where it is",
    responses=answers(200, "What holds, and what can be done.", Why, 404),
    sync_to_thread=True,
)
def why_task_run(plane: ThePlane, task: str) -> Why:
    """Why a task run is where it is: what it waits for or what went wrong, and what can be done."""
    return plane.why(named(task))


@post(
    "/{task:str}/set_state",
    operation_id="set_task_run_state",
    summary="Correct the state of a task run",
    status_code=200,
    responses=answers(200, "What became of the wish.", Decision, 404, 409),
    sync_to_thread=True,
)
def set_task_run_state(plane: ThePlane, task: str, data: ProposedState, by: By) -> Decision:
    """Correct the state of a task run by hand; what the engine records of it comes by ingest."""
    return plane.set_task_run_state(named(task), checked(data), by=by)


router = Router(
    "/task_runs",
    route_handlers=[read_task_run, read_task_runs, count_task_runs, task_run_states, why_task_run, set_task_run_state],
    tags=["Task runs"],
)
