"""The picture of a flow run: its task runs and subflow runs as nodes, with what each of them waited for.

A page asked `since` a moment holds only what changed after it. Changes carry the moment at which their transaction
began, which may be a little before others could see them; so the moment that a page gives to go on from lies
`OVERLAP_US` back, and a node may come twice. Whoever draws keeps nodes by id, so that this does not show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from levada.control.picture import OVERLAP_US
from levada.control.queries import Identifier, flow_run_row
from levada.control.views import name_of_state, state_of, task_times
from levada.core.courtesy import give_way
from levada.core.errors import RequestInvalid
from levada.core.ids import as_uuid
from levada.core.states import datetime_of, us_of
from levada.store.bodies import TaskBody
from levada.wire.filters import TaskRunQuery
from levada.wire.objects import Graph, GraphNode

if TYPE_CHECKING:
    from datetime import datetime

    from levada.store.base import FlowRunRow, TaskRunRow, Transaction

MOST_NODES = 10_000
"""Most nodes of one page."""


def flow_run_graph(
    transaction: Transaction, run: Identifier, since: datetime | None, limit: int, cursor: str | None
) -> Graph:
    """One page of the picture of a flow run.

    Args:
        transaction: where the runs are.
        run: the flow run.
        since: only nodes that changed after this moment.
        limit: most nodes.
        cursor: `next` of the page before.

    Raises:
        ObjectNotFound: there is no such run.
        RequestInvalid: the limit or the cursor cannot be used.
    """
    check_limit(limit)
    row = flow_run_row(transaction, run)
    begun, place = begin(transaction, cursor)
    if since is None:
        query = TaskRunQuery(flow_run_ids=[UUID(bytes=row.id)], limit=limit, cursor=place)
        page = transaction.task_runs.page(query)
    else:
        page = transaction.task_runs.changed_since(row.id, us_of(since), limit, place)
    return page_of(row, nodes(transaction, row, page.rows), begun, page.next)


def page_of(row: FlowRunRow, shown: list[GraphNode], begun: int, following: str | None) -> Graph:
    """A page of the picture of a flow run.

    Args:
        row: of the flow run.
        shown: the nodes of the page.
        begun: the moment to go on from when all pages are read.
        following: the place at which the next page begins, when there is one.
    """
    return Graph(
        flow_run_id=UUID(bytes=row.id),
        start_time=_moment(row.started),
        end_time=_moment(row.ended),
        state_type=state_of(row.state),
        state_name=name_of_state(row.state, row.state_name),
        nodes=shown,
        changed=datetime_of(begun),
        next=None if following is None else f"{begun:x}.{following}",
    )


def check_limit(limit: int) -> None:
    """Say when a page cannot have so many nodes."""
    if not 1 <= limit <= MOST_NODES:
        raise RequestInvalid(
            f"A page of a graph has 1 to {MOST_NODES} nodes; limit={limit} was asked for.",
            (("$.limit", f"must be between 1 and {MOST_NODES}"),),
        )


def nodes(transaction: Transaction, run: FlowRunRow, rows: Sequence[TaskRunRow]) -> list[GraphNode]:
    """The task runs of a flow run as nodes."""
    calls = transaction.task_runs.calls(row.call for row in rows)
    return [_node(row, calls.get(row.call, ("", None))[0]) for row in rows]


def _node(row: TaskRunRow, key: str) -> GraphNode:
    give_way()
    body = TaskBody.decode(row.body)
    started, ended = task_times(row, body)
    # Graphs have thousands of nodes: what most of them lack is not made for each.
    node = GraphNode(
        as_uuid(row.id),
        "task-run" if body.child_run is None else "flow-run",
        row.name or key,
        state_of(row.state),
        name_of_state(row.state, row.state_name),
        started,
        ended,
    )
    if body.inputs:
        parents = dict.fromkeys(source for sources in body.inputs.values() for source in sources)
        node.parents = [as_uuid(source) for source in parents]
    if body.parent_task is not None:
        node.encapsulating = as_uuid(body.parent_task)
    if body.child_run is not None:
        node.child_flow_run_id = as_uuid(body.child_run)
    if body.map_id is not None:
        node.map_id = body.map_id.hex()
    node.map_index = body.map_index
    return node


def _moment(at: int | None) -> datetime | None:
    return None if at is None else datetime_of(at)


def begin(transaction: Transaction, cursor: str | None) -> tuple[int, str | None]:
    """The moment to go on from later, and the place in the list; None at its beginning."""
    return (transaction.now - OVERLAP_US, None) if cursor is None else _read(cursor)


def no_cursor(cursor: str) -> RequestInvalid:
    """What is said of a cursor that no page gave."""
    return RequestInvalid(
        f"{cursor!r} is no cursor of a graph; pass on what the page before gave as `next`.",
        (("$.cursor", "is no cursor of a graph"),),
    )


def _read(cursor: str) -> tuple[int, str]:
    """When the first page was read, and the place in the list."""
    begun, dot, place = cursor.partition(".")
    try:
        moment = int(begun, 16)
        datetime_of(moment)
    except (ValueError, OverflowError):
        dot = ""
        moment = 0
    if not dot or not place:
        raise no_cursor(cursor)
    return moment, place
