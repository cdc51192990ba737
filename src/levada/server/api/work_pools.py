"""Work pools, their queues, workers, and the runs that wait, over HTTP."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final
from uuid import UUID

from litestar import Request, Router, delete, get, patch, post

from levada.control.pooling import check_request
from levada.server.api.answers import answers
from levada.server.api.checks import checked, named, within
from levada.server.pattern import INGEST, WAITING, ThePlane
from levada.wire.objects import FlowRun
from levada.wire.pools import (
    ClaimAnswer,
    ClaimRequest,
    PoolChange,
    PoolSpec,
    QueueChange,
    QueueSpec,
    RunExit,
    Worker,
    WorkPool,
    WorkQueue,
)
from levada.wire.requests import Move

MOST_QUEUED: Final = 1000


@post(
    "/",
    operation_id="create_work_pool",
    summary="Create a work pool",
    responses=answers(201, "The pool.", WorkPool, 409),
    sync_to_thread=True,
)
def create_work_pool(plane: ThePlane, data: PoolSpec) -> WorkPool:
    """Make a work pool with its default queue."""
    return plane.create_work_pool(checked(data))


@get(
    "/",
    operation_id="read_work_pools",
    summary="List work pools",
    responses=answers(200, "Every pool by name, with its queues.", list[WorkPool]),
    sync_to_thread=True,
)
def read_work_pools(plane: ThePlane) -> list[WorkPool]:
    """Every work pool, by name, with how much waits in it and how many workers are online."""
    return plane.read_work_pools()


@get(
    "/{pool:str}",
    operation_id="read_work_pool",
    summary="Read a work pool",
    responses=answers(200, "The pool with its queues.", WorkPool, 404),
    sync_to_thread=True,
)
def read_work_pool(plane: ThePlane, pool: str) -> WorkPool:
    """One work pool, with how much waits in it and how many workers are online."""
    return plane.read_work_pool(named(pool))


@patch(
    "/{pool:str}",
    operation_id="change_work_pool",
    summary="Change a work pool",
    responses=answers(200, "The pool as it is now.", WorkPool, 404),
    sync_to_thread=True,
)
def change_work_pool(plane: ThePlane, pool: str, data: PoolChange) -> WorkPool:
    """Pause or resume a pool, or change its limit, its template or its default queue; `slots` of -1 is no limit."""
    return plane.change_work_pool(named(pool), checked(data))


@delete(
    "/{pool:str}",
    operation_id="delete_work_pool",
    summary="Delete a work pool",
    status_code=204,
    responses=answers(204, "It is gone.", None, 404),
    sync_to_thread=True,
)
def delete_work_pool(plane: ThePlane, pool: str) -> None:
    """Delete a pool with its queues; refused while deployments use it or runs of it have not ended."""
    plane.delete_work_pool(named(pool))


@post(
    "/{pool:str}/queues",
    operation_id="create_work_queue",
    summary="Create a work queue",
    responses=answers(201, "The queue.", WorkQueue, 404, 409),
    sync_to_thread=True,
)
def create_work_queue(plane: ThePlane, pool: str, data: QueueSpec) -> WorkQueue:
    """Make a queue of a pool; that of priority 1 is served first."""
    return plane.create_work_queue(named(pool), checked(data))


@get(
    "/{pool:str}/queues/{queue:str}",
    operation_id="read_work_queue",
    summary="Read a work queue",
    responses=answers(200, "The queue.", WorkQueue, 404),
    sync_to_thread=True,
)
def read_work_queue(plane: ThePlane, pool: str, queue: str) -> WorkQueue:
    """One queue of a pool."""
    return plane.read_work_queue(named(pool), named(queue))


@patch(
    "/{pool:str}/queues/{queue:str}",
    operation_id="change_work_queue",
    summary="Change a work queue",
    responses=answers(200, "The queue as it is now.", WorkQueue, 404),
    sync_to_thread=True,
)
def change_work_queue(plane: ThePlane, pool: str, queue: str, data: QueueChange) -> WorkQueue:
    """Pause or resume a queue, or change its priority or limit; `slots` of -1 is no limit."""
    return plane.change_work_queue(named(pool), named(queue), checked(data))


@delete(
    "/{pool:str}/queues/{queue:str}",
    operation_id="delete_work_queue",
    summary="Delete a work queue",
    status_code=204,
    responses=answers(204, "It is gone.", None, 404),
    sync_to_thread=True,
)
def delete_work_queue(plane: ThePlane, pool: str, queue: str) -> None:
    """Delete a queue; its runs go to the default queue of the pool."""
    plane.delete_work_queue(named(pool), named(queue))


@post(
    "/{pool:str}/claim",
    operation_id="claim",
    opt=WAITING,
    summary="Ask for runs",
    status_code=200,
    responses=answers(200, "Runs to start, and what must be done with those that the worker has.", ClaimAnswer, 404),
)
async def claim(plane: ThePlane, pool: str, data: ClaimRequest, request: Request[Any, Any, Any]) -> ClaimAnswer:
    """Ask for runs of a pool; asking is a worker's sign of life.

    The answer is held back for up to `wait` seconds while there is nothing. Every run in it is this worker's, until it
    says how its process ended, or does not ask for too long.
    """
    check_request(checked(data))
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[ClaimAnswer] = loop.create_future()

    def tell(outcome: Any) -> None:  # from the thread of those who wait
        loop.call_soon_threadsafe(partial(_settle, answer, outcome))

    leave = plane.claims.offer(named(pool), data, tell)
    gone = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        return answer.result() if answer.done() else ClaimAnswer()
    finally:
        leave()
        gone.cancel()


async def _until_gone(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _settle(answer: asyncio.Future[ClaimAnswer], outcome: Any) -> None:
    if answer.done():
        return
    if isinstance(outcome, BaseException):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


@post(
    "/{pool:str}/exits",
    operation_id="report_exit",
    opt=INGEST,
    summary="Report the end of a run's process",
    status_code=204,
    responses=answers(204, "It is written down, or was before.", None, 404),
    sync_to_thread=True,
)
def report_exit(plane: ThePlane, pool: str, data: RunExit) -> None:
    """Say that the process of a run has ended, or that the run is given back without having begun."""
    plane.report_exit(named(pool), checked(data))


@delete(
    "/{pool:str}/workers/{worker:uuid}",
    operation_id="forget_worker",
    opt=INGEST,
    summary="Forget a worker",
    status_code=204,
    responses=answers(204, "It counts no more."),
    sync_to_thread=True,
)
def forget_worker(plane: ThePlane, pool: str, worker: UUID) -> None:
    """Say that a worker has ended; what it had not begun is given to others."""
    plane.forget_worker(named(pool), worker)


@get(
    "/{pool:str}/queued",
    operation_id="queued_runs",
    summary="List runs in line",
    responses=answers(200, "Runs in the order in which they would be taken.", list[FlowRun], 404),
    sync_to_thread=True,
)
def queued_runs(plane: ThePlane, pool: str, queue: str | None = None, limit: int = 200) -> list[FlowRun]:
    """Runs of a pool that wait, in the order in which they would be taken; those that are not due yet come last."""
    return plane.queued_runs(named(pool), queue, within(limit, MOST_QUEUED))


@get(
    "/",
    operation_id="read_workers",
    summary="List workers",
    responses=answers(200, "Workers by pool and name.", list[Worker]),
    sync_to_thread=True,
)
def read_workers(plane: ThePlane, pool: str | None = None) -> list[Worker]:
    """Workers of a pool, or of all, by pool and name, with the runs that they have."""
    return plane.read_workers(pool)


@post(
    "/{run:str}/move",
    operation_id="move_in_queue",
    summary="Move a run in its queue",
    status_code=200,
    responses=answers(200, "The run as it is now.", FlowRun, 404),
    sync_to_thread=True,
)
def move_in_queue(plane: ThePlane, run: str, data: Move) -> FlowRun:
    """Give a run that waits another priority, or put it into another queue of its pool."""
    asked = checked(data)
    return plane.move_in_queue(named(run), asked.priority, asked.queue)


router = Router(
    "/work_pools",
    route_handlers=[
        create_work_pool,
        read_work_pools,
        read_work_pool,
        change_work_pool,
        delete_work_pool,
        create_work_queue,
        read_work_queue,
        change_work_queue,
        delete_work_queue,
        claim,
        report_exit,
        forget_worker,
        queued_runs,
    ],
    tags=["Work pools"],
)

workers = Router("/workers", route_handlers=[read_workers], tags=["Work pools"])

moves = Router("/flow_runs", route_handlers=[move_in_queue], tags=["Work pools"])
