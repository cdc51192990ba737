"""What commands look at: the control plane of a server, or of the home; and runs by what people call them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from levada.core.errors import ObjectNotFound
from levada.core.faults import arm_from
from levada.settings import get_current_settings
from levada.version import __version__
from levada.wire.filters import ArtifactQuery, FlowRunQuery, LogQuery, TaskRunQuery

if TYPE_CHECKING:
    from levada.wire.objects import FlowRun, Page, TaskRun
    from levada.wire.verbs import Plane

_PART_OF_ID = re.compile(r"[0-9a-f-]{1,36}", re.IGNORECASE)
_WHOLE_ID = 32
_PAGE = 200


class SeveralRunsError(ObjectNotFound):
    """Several runs have the name that was given."""


@contextmanager
def control_plane(*, drain: bool = True) -> Iterator[Plane]:
    """The control plane of the server that is configured, or of the home.

    Args:
        drain: take in what the home's journals hold first, so that what is shown is current.
    """
    from levada.client.places import plane_of  # lazy: commands that look at no run need no database

    arm_from(os.environ)
    with plane_of(get_current_settings(), version=__version__) as plane:
        if drain:
            plane.drain()
        yield plane


def pages(read: Callable[[int, str | None], Page], limit: int | None) -> list[Any]:
    """The items of a list, page by page.

    Args:
        read: gives the page of at most so many items that begins at a cursor.
        limit: at most so many items; None for all.
    """
    items: list[Any] = []
    cursor: str | None = None
    while limit is None or len(items) < limit:
        page = read(_PAGE if limit is None else min(_PAGE, limit - len(items)), cursor)
        items += page.items
        cursor = page.next
        if cursor is None:
            break
    return items


def found_by(
    verb: Callable[[Any], Page], query: FlowRunQuery | TaskRunQuery | LogQuery | ArtifactQuery, limit: int | None
) -> list[Any]:
    """The items that a query finds.

    Args:
        verb: a reading verb of the control plane.
        query: what to look for; its own limit and cursor do not count.
        limit: at most so many items; None for all.
    """
    return pages(lambda size, cursor: verb(replace(query, limit=size, cursor=cursor)), limit)


def find_flow_run(plane: Plane, text: str) -> FlowRun:
    """A flow run by id, beginning of its id, or name.

    Raises:
        ObjectNotFound: there is none, or several could be meant (the message lists them).
    """
    by_name = found_by(plane.read_flow_runs, FlowRunQuery(names=[text]), 5)
    return plane.read_flow_run(_only_one(by_name, text, "flow run"))


def find_task_run(plane: Plane, text: str) -> TaskRun:
    """A task run by id, beginning of its id, or name.

    Raises:
        ObjectNotFound: there is none, or several could be meant (the message lists them).
    """
    by_name = found_by(plane.read_task_runs, TaskRunQuery(names=[text], newest_first=True), 5)
    return plane.read_task_run(_only_one(by_name, text, "task run"))


def known_or_drained(plane: Plane, find: Callable[[Plane, str], Any], text: str) -> Any:
    """What `find` finds once journals are taken in; a whole id that is known already is not kept waiting by that.

    Raises:
        ObjectNotFound: there is none, or several could be meant.
    """
    if len(text.replace("-", "")) == _WHOLE_ID and _PART_OF_ID.fullmatch(text):
        try:
            return find(plane, text)
        except ObjectNotFound:
            pass  # it may be in a journal
    plane.drain()
    return find(plane, text)


def _only_one(by_name: list[Any], text: str, noun: str) -> str:
    """The id, or the beginning of one, of the run that the text means."""
    if len(by_name) == 1:
        return str(by_name[0].id)
    if by_name:
        several = "\n".join(f"  {run.id}  {run.state_name or ''}" for run in by_name)
        raise SeveralRunsError(f"Several {noun}s are called {text!r}; name one by its id. The newest are:\n{several}")
    if _PART_OF_ID.fullmatch(text):
        return text.lower()
    listing = f"levada {noun.replace(' ', '-')} ls"
    settings = get_current_settings()
    place = settings.api.url or settings.home
    raise ObjectNotFound(f"There is no {noun} called {text!r} in {place}; `{listing}` lists them.")


def find_any_run(plane: Plane, text: str) -> FlowRun | TaskRun:
    """A flow run or, if there is none of that name, a task run.

    Raises:
        ObjectNotFound: there is neither, or several could be meant.
    """
    try:
        return find_flow_run(plane, text)
    except SeveralRunsError:
        raise
    except ObjectNotFound as no_flow_run:
        try:
            return find_task_run(plane, text)
        except SeveralRunsError:
            raise
        except ObjectNotFound:
            if "several ids" in str(no_flow_run).lower():
                raise no_flow_run from None
            settings = get_current_settings()
            raise ObjectNotFound(
                f"There is no flow run and no task run called {text!r} in {settings.api.url or settings.home}, and no "
                "id begins so; `levada flow-run ls` and `levada task-run ls` list them."
            ) from None
