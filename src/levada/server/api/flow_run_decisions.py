"""Flow runs over HTTP: moved from state to state, and given values from outside."""

from __future__ import annotations

from litestar import Router, delete, get, post, put
from msgspec.structs import replace

from levada.control import proposing
from levada.control.proposing import Proposal
from levada.core.errors import ObjectNotFound
from levada.server.api.answers import answers
from levada.server.api.checks import checked, named
from levada.server.pattern import HEAVY, By, ThePlane, TheWishes
from levada.wire.changes import Decision, ProposedState, RunInput
from levada.wire.objects import FlowRun
from levada.wire.requests import ForkChoice, GivenInputs
from levada.wire.reruns import RerunChoice, RerunPlan

_DECISION = "What became of the wish; a wish that was not followed says which rule stood against it, and why."


@post(
    "/{run:str}/set_state",
    operation_id="set_flow_run_state",
    summary="Set the state of a flow run",
    status_code=200,
    responses=answers(200, _DECISION, Decision, 404, 409),
)
async def set_flow_run_state(wishes: TheWishes, run: str, data: ProposedState) -> Decision:
    """Propose a state; the law of transitions accepts it, enters another one, says when to ask again, or says no."""
    return await wishes.granted(lambda by: Proposal(named(run), checked(data), by))


@post(
    "/{run:str}/cancel",
    operation_id="cancel_flow_run",
    summary="Cancel a flow run",
    status_code=200,
    responses=answers(200, _DECISION, Decision, 404, 409),
)
async def cancel_flow_run(wishes: TheWishes, run: str) -> Decision:
    """Cancel a run: at once when nobody executes it, otherwise by way of Cancelling, until its process has stopped."""
    return await wishes.granted(lambda by: proposing.cancel(named(run), by))


@post(
    "/{run:str}/suspend",
    operation_id="suspend_flow_run",
    summary="Suspend a flow run",
    status_code=200,
    responses=answers(200, _DECISION, Decision, 404, 409),
)
async def suspend_flow_run(wishes: TheWishes, run: str) -> Decision:
    """Ask a run to let go at the next safe place; it can be resumed later, on any machine."""
    return await wishes.granted(lambda by: proposing.suspend(named(run), by))


@post(
    "/{run:str}/resume",
    operation_id="resume_flow_run",
    summary="Resume a flow run",
    status_code=200,
    responses=answers(200, _DECISION, Decision, 404, 409),
    sync_to_thread=True,
)
def resume_flow_run(
    plane: ThePlane,
    run: str,
    data: GivenInputs,
    by: By,
) -> Decision:
    """Let a paused or suspended run go on, with the inputs it asked for, if it asked for any."""
    return plane.resume_flow_run(named(run), checked(data).inputs, by=by)


@post(
    "/{run:str}/retry",
    operation_id="retry_flow_run",
    summary="Retry a flow run",
    status_code=200,
    responses=answers(200, _DECISION, Decision, 404, 409),
)
async def retry_flow_run(wishes: TheWishes, run: str, latest: bool = False) -> Decision:
    """Schedule an ended run again; what it completed is reused.

    It executes its own version of its deployment, or with `latest` that which is live now.
    """
    return await wishes.granted(lambda by: proposing.retry(named(run), by, latest=latest))


@post(
    "/{run:str}/fork",
    operation_id="fork_flow_run",
    summary="Fork a flow run",
    status_code=201,
    responses=answers(201, "The new run.", FlowRun, 404, 409),
    sync_to_thread=True,
)
def fork_flow_run(plane: ThePlane, run: str, data: ForkChoice, by: By) -> FlowRun:
    """Make a new scheduled run that reuses what the old one completed, except the tasks named here.

    It executes the old one's version of its deployment, or with `latest` that which is live now.
    """
    return plane.fork_flow_run(named(run), checked(data).task_keys, by=by, latest=data.latest)


@post(
    "/{run:str}/rerun_plan",
    operation_id="plan_rerun",
    opt=HEAVY,
    summary="Plan to run a flow run again",
    status_code=200,
    responses=answers(200, "What would be reused, and what executed, and why.", RerunPlan, 404),
    sync_to_thread=True,
)
def plan_rerun(plane: ThePlane, run: str, data: RerunChoice) -> RerunPlan:
    """Say what a retry or a fork would do, and do nothing: which recorded calls answer, and which are executed."""
    return plane.plan_rerun(named(run), checked(data))


@get(
    "/{run:str}/inputs",
    operation_id="read_inputs",
    summary="List the inputs of a flow run",
    responses=answers(200, "Values given to the run, by key.", list[RunInput], 404),
    sync_to_thread=True,
)
def read_inputs(plane: ThePlane, run: str, prefix: str = "") -> list[RunInput]:
    """Values given to a run from outside, those whose key begins with `prefix`."""
    return plane.read_inputs(named(run), checked(prefix))


@get(
    "/{run:str}/inputs/{key:str}",
    operation_id="read_input",
    summary="Read an input of a flow run",
    responses=answers(200, "The value.", RunInput, 404),
    sync_to_thread=True,
)
def read_input(plane: ThePlane, run: str, key: str) -> RunInput:
    """One value given to a run from outside."""
    return plane.read_input(named(run), named(key))


@put(
    "/{run:str}/inputs/{key:str}",
    operation_id="write_input",
    summary="Give a flow run an input",
    responses=answers(200, "The value as it is kept.", RunInput, 404, 409),
    sync_to_thread=True,
)
def write_input(plane: ThePlane, run: str, key: str, data: RunInput) -> RunInput:
    """Give a run a value under a key, in place of the one that is there. The key in the path is the one that counts."""
    return plane.write_input(named(run), replace(checked(data), key=named(key)))


@delete(
    "/{run:str}/inputs/{key:str}",
    operation_id="delete_input",
    summary="Take an input of a flow run back",
    status_code=204,
    responses=answers(204, "It is gone.", None, 404),
    sync_to_thread=True,
)
def delete_input(plane: ThePlane, run: str, key: str) -> None:
    """Take back a value given to a run."""
    if not plane.delete_input(named(run), named(key)):
        raise ObjectNotFound(f"Flow run {named(run)} has no input {named(key)!r}.")


router = Router(
    "/flow_runs",
    route_handlers=[
        set_flow_run_state,
        cancel_flow_run,
        suspend_flow_run,
        resume_flow_run,
        retry_flow_run,
        fork_flow_run,
        plan_rerun,
        read_inputs,
        read_input,
        write_input,
        delete_input,
    ],
    tags=["Flow runs"],
)
