"""Flow runs over HTTP: found, counted, looked at."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from litestar import Response, Router, delete, get, patch, post
from litestar.params import Parameter
from litestar.response import Stream
from msgspec import msgpack

from levada.control.exports import MEDIA_TYPES, SUFFIXES, Form, export_logs
from levada.control.making import creation
from levada.control.views import flow_run_view
from levada.core.states import StateType
from levada.server.api.answers import answers
from levada.server.api.checks import checked, named
from levada.server.pattern import HEAVY, By, ThePlane, TheSettings, TheWishes
from levada.server.rendering import drawn_up
from levada.wire.changes import FlowRunChange, NewFlowRun
from levada.wire.filters import FlowRunQuery, LogQuery
from levada.wire.objects import Count, FlowRun, Graph, HistoryBucket, Lateness, Page, StateView, Why
from levada.wire.pages import FlowRunPage
from levada.wire.requests import MOST_COUNTED

MSGPACK = "application/msgpack"

Bound = Annotated[int, Parameter(ge=1, le=MOST_COUNTED, description="How far to count; no further costs no more.")]


@get(
    "/{run:str}",
    operation_id="read_flow_run",
    summary="Read a flow run",
    responses=answers(200, "The flow run with its state history.", FlowRun, 404),
    sync_to_thread=True,
)
def read_flow_run(plane: ThePlane, run: str) -> FlowRun:
    """One flow run with its state history, named by id, by the beginning of its id, or by a name only it has."""
    return plane.read_flow_run(named(run))


@post(
    "/filter",
    operation_id="read_flow_runs",
    opt=HEAVY,
    summary="List flow runs",
    status_code=200,
    responses=answers(200, "A page; pass `next` on as `cursor` to get what follows.", FlowRunPage),
    sync_to_thread=True,
)
@drawn_up
def read_flow_runs(plane: ThePlane, data: FlowRunQuery, settings: TheSettings) -> Page:
    """A page of the flow runs for which every filter given holds, newest first unless `sort` says otherwise."""
    return plane.read_flow_runs(checked(data, most_per_page=settings.server.max_page_size))


@post(
    "/count",
    operation_id="count_flow_runs_up_to",
    opt=HEAVY,
    summary="Count flow runs",
    status_code=200,
    responses=answers(200, "How many; `exact` is false when there are more than the bound.", Count),
    sync_to_thread=True,
)
def count_flow_runs(plane: ThePlane, data: FlowRunQuery, bound: Bound = 10_000) -> Count:
    """How many flow runs the query finds, its limit and cursor aside, counted no further than a bound."""
    return plane.count_flow_runs_up_to(checked(data), bound)


@post(
    "/state_counts",
    operation_id="flow_run_state_counts",
    opt=HEAVY,
    summary="Count flow runs by state",
    status_code=200,
    responses=answers(200, "A number for each state type that occurs.", dict[str, int]),
    sync_to_thread=True,
)
def flow_run_state_counts(plane: ThePlane, data: FlowRunQuery) -> dict[StateType, int]:
    """How many flow runs the query finds in each state type; types with none are left out."""
    return plane.flow_run_state_counts(checked(data))


@post(
    "/history",
    operation_id="flow_run_history",
    opt=HEAVY,
    summary="Flow runs over time",
    status_code=200,
    responses=answers(200, "The parts of the range, in order.", list[HistoryBucket]),
    sync_to_thread=True,
)
@drawn_up
def flow_run_history(
    plane: ThePlane,
    data: FlowRunQuery,
    start: datetime,
    end: datetime,
    buckets: Annotated[int, Parameter(ge=1, le=500, description="Into how many parts to cut it.")] = 50,
) -> list[HistoryBucket]:
    """A range of time cut into parts, each with the runs that were expected to start in it, by state."""
    return plane.flow_run_history(checked(data), checked(start), checked(end), buckets)


@post(
    "/lateness",
    operation_id="flow_run_lateness",
    opt=HEAVY,
    summary="How late flow runs are",
    status_code=200,
    responses=answers(200, "Seconds, on average over so many runs.", Lateness),
    sync_to_thread=True,
)
def flow_run_lateness(plane: ThePlane, data: FlowRunQuery) -> Lateness:
    """How long after their time the runs started, on average; those that should have and did not count as well."""
    return plane.flow_run_lateness(checked(data))


@get(
    "/{run:str}/graph",
    operation_id="flow_run_graph",
    opt=HEAVY,
    summary="Graph of a flow run",
    responses=answers(200, "Nodes, each with its parents.", Graph, 404),
    sync_to_thread=True,
)
@drawn_up
def flow_run_graph(
    plane: ThePlane,
    run: str,
    since: datetime | None = None,
    limit: Annotated[int, Parameter(ge=1, le=10_000, description="Most nodes of the page.")] = 10_000,
    cursor: str | None = None,
    fold: Annotated[str | None, Parameter(description="`maps`: a map of 8 items and more is one node.")] = None,
    map_id: Annotated[str | None, Parameter(description="Only the items of this map, and what they called.")] = None,
) -> Graph:
    """Task runs and subflow runs of a flow run, with what each waited for.

    With `since`, which is `changed` of an answer before, only the nodes that changed after it; a node may come again.
    A folded map says how many items it has and how many of them are in which state; who waited for an item waited for
    the map.
    """
    return plane.flow_run_graph(
        named(run), checked(since), limit, checked(cursor), fold=checked(fold), map_id=checked(map_id)
    )


@get(
    "/{run:str}/states",
    operation_id="flow_run_states",
    summary="State history of a flow run",
    responses=answers(200, "Every state, oldest first.", list[StateView], 404),
    sync_to_thread=True,
)
def flow_run_states(plane: ThePlane, run: str) -> list[StateView]:
    """Every state a flow run was ever in, oldest epoch first, late records of lost owners included."""
    return plane.flow_run_states(named(run))


@get(
    "/{run:str}/task_state_counts",
    operation_id="task_run_state_counts",
    opt=HEAVY,
    summary="Count the task runs of a flow run by state",
    responses=answers(200, "A number for each state type that occurs.", dict[str, int], 404),
    sync_to_thread=True,
)
def task_run_state_counts(plane: ThePlane, run: str) -> dict[StateType, int]:
    """How many task runs of a flow run are in each state type; types with none are left out."""
    return plane.task_run_state_counts(named(run))


@get(
    "/{run:str}/why",
    operation_id="why",
    summary="Why a flow run is where it is",
    responses=answers(200, "What holds, and what can be done.", Why, 404),
    sync_to_thread=True,
)
def why(plane: ThePlane, run: str) -> Why:
    """Why a flow run (or task run) is where it is: what it waits for or what went wrong, and what can be done."""
    return plane.why(named(run))


@get(
    "/{run:str}/recorded_calls",
    operation_id="recorded_calls",
    summary="Recorded calls of a flow run",
    responses=answers(200, "`levada.wire.recorded.RecordedRun`, as MessagePack.", bytes, 404, media_type=MSGPACK),
    sync_to_thread=True,
)
def recorded_calls(plane: ThePlane, run: str) -> Response[bytes]:
    """Everything an engine needs to resume or fork the run: its parameters and the results of its calls, as bytes."""
    return Response(msgpack.encode(plane.recorded_calls(named(run))), media_type=MSGPACK)


@get(
    "/{run:str}/logs/download",
    operation_id="download_flow_run_logs",
    opt=HEAVY,
    summary="Download the logs of a flow run",
    responses=answers(200, "A file.", bytes, 404, media_type="text/plain"),
    sync_to_thread=True,
)
def download_flow_run_logs(
    plane: ThePlane,
    run: str,
    form: Form = "text",
) -> Stream:
    """All log lines of a flow run as a file: text, CSV or NDJSON, however many there are."""
    found = plane.read_flow_run(named(run))
    parts = export_logs(plane.read_logs, LogQuery(flow_run_ids=[found.id]), form)
    file = quote(f"{found.name}.{SUFFIXES[form]}", safe="")
    return Stream(
        parts, media_type=MEDIA_TYPES[form], headers={"Content-Disposition": f"attachment; filename*=UTF-8''{file}"}
    )


@post(
    "/",
    operation_id="create_flow_run",
    summary="Create a flow run",
    status_code=201,
    responses=answers(201, "The run, or the one that the same idempotency key made before.", FlowRun, 404, 409, 413),
)
async def create_flow_run(wishes: TheWishes, data: NewFlowRun) -> FlowRun:
    """Make a scheduled run of a flow; the flow need not have run before."""
    return flow_run_view(await wishes.granted(lambda by: creation(checked(data), by)))


@patch(
    "/{run:str}",
    operation_id="change_flow_run",
    summary="Change a flow run",
    responses=answers(200, "The run as it is now.", FlowRun, 404, 409),
    sync_to_thread=True,
)
def change_flow_run(plane: ThePlane, run: str, data: FlowRunChange) -> FlowRun:
    """Give a flow run another name, more tags, or labels, which are merged with those it has."""
    return plane.change_flow_run(named(run), checked(data))


@delete(
    "/{run:str}",
    operation_id="delete_flow_run",
    summary="Delete a flow run",
    status_code=200,
    responses=answers(200, "How many rows of each kind went.", dict[str, int], 404, 409),
    sync_to_thread=True,
)
def delete_flow_run(plane: ThePlane, run: str, by: By) -> dict[str, int]:
    """Delete an ended flow run with its subflow runs, task runs, logs and artifacts."""
    return plane.delete_flow_run(named(run), by=by)


router = Router(
    "/flow_runs",
    route_handlers=[
        read_flow_run,
        read_flow_runs,
        count_flow_runs,
        flow_run_state_counts,
        flow_run_history,
        flow_run_lateness,
        flow_run_graph,
        flow_run_states,
        task_run_state_counts,
        why,
        recorded_calls,
        download_flow_run_logs,
        create_flow_run,
        change_flow_run,
        delete_flow_run,
    ],
    tags=["Flow runs"],
)
