"""The home that commands look at: its control plane, drained first, and its runs by what people call them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from levada.core.errors import ObjectNotFound
from levada.settings import get_current_settings
from levada.wire.filters import FlowRunQuery, TaskRunQuery

if TYPE_CHECKING:
    from levada.control import ControlPlane
    from levada.wire.objects import FlowRun, Page, TaskRun

_PART_OF_ID = re.compile(r"[0-9a-f-]{1,36}", re.IGNORECASE)
_PAGE = 200


@contextmanager
def control_plane(*, drain: bool = True) -> Iterator[ControlPlane]:
    """The control plane of the home.

    Args:
        drain: take in what journals hold first, so that what is shown is current.
    """
    from levada.control import ControlPlane  # lazy: commands that look at no run need no database

    with ControlPlane(get_current_settings().home) as plane:
        if drain:
            plane.drain()
        yield plane


def pages(read: Callable[[Any], Page], query: Any, limit: int | None) -> list[Any]:
    """The items of a list, page by page.

    Args:
        read: gives one page of the query.
        query: has `limit` and `cursor`, which are set here.
        limit: at most so many items; None for all.
    """
    items: list[Any] = []
    while limit is None or len(items) < limit:
        query.limit = _PAGE if limit is None else min(_PAGE, limit - len(items))
        page = read(query)
        items += page.items
        if page.next is None:
            break
        query.cursor = page.next
    return items


def find_flow_run(plane: ControlPlane, text: str) -> FlowRun:
    """A flow run by id, beginning of its id, or name.

    Raises:
        ObjectNotFound: there is none, or several could be meant (the message lists them).
    """
    by_name = pages(plane.read_flow_runs, FlowRunQuery(names=[text]), 5)
    return plane.read_flow_run(_only_one(by_name, text, "flow run"))


def find_task_run(plane: ControlPlane, text: str) -> TaskRun:
    """A task run by id, beginning of its id, or name.

    Raises:
        ObjectNotFound: there is none, or several could be meant (the message lists them).
    """
    by_name = pages(plane.read_task_runs, TaskRunQuery(names=[text], newest_first=True), 5)
    return plane.read_task_run(_only_one(by_name, text, "task run"))


def _only_one(by_name: list[Any], text: str, noun: str) -> str:
    """The id, or the beginning of one, of the run that the text means."""
    if len(by_name) == 1:
        return str(by_name[0].id)
    if by_name:
        several = "\n".join(f"  {run.id}  {run.state_name or ''}" for run in by_name)
        raise ObjectNotFound(f"Several {noun}s are called {text!r}; name one by its id. The newest are:\n{several}")
    if _PART_OF_ID.fullmatch(text):
        return text.lower()
    listing = f"levada {noun.replace(' ', '-')} ls"
    raise ObjectNotFound(
        f"There is no {noun} called {text!r} in {get_current_settings().home}; `{listing}` lists them."
    )
