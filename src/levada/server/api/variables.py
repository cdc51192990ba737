"""Variables over HTTP: small named values."""

from __future__ import annotations

from typing import Any

from litestar import Router, delete, get, patch, put
from msgspec import UNSET

from levada.core.errors import ObjectNotFound
from levada.server.api.answers import answers
from levada.server.api.checks import checked, named, within
from levada.server.pattern import ThePlane, TheSettings
from levada.wire.objects import Count, Page, VariableView
from levada.wire.pages import VariablePage
from levada.wire.requests import GivenVariable, VariableChange


@get(
    "/",
    operation_id="variables_page",
    summary="List variables",
    responses=answers(200, "A page by name; pass `next` on as `cursor`.", VariablePage),
    sync_to_thread=True,
)
def page(plane: ThePlane, settings: TheSettings, limit: int = 200, cursor: str | None = None) -> Page:
    """A page of variables, by name."""
    return plane.variables.page(within(limit, settings.server.max_page_size), checked(cursor))


@get(
    "/count",
    operation_id="variables_count",
    summary="Count variables",
    responses=answers(200, "How many.", Count),
    sync_to_thread=True,
)
def count(plane: ThePlane) -> Count:
    """How many variables there are."""
    return Count(plane.variables.count())


@get(
    "/{name:str}",
    operation_id="variables_get",
    summary="Read a variable",
    responses=answers(200, "The variable.", VariableView, 404),
    sync_to_thread=True,
)
def get_variable(plane: ThePlane, name: str) -> VariableView:
    """One variable by name."""
    found = plane.variables.get(named(name))
    if found is None:
        raise ObjectNotFound(f"There is no variable {named(name)!r}.")
    return found


@put(
    "/{name:str}",
    operation_id="variables_set",
    summary="Set a variable",
    responses=answers(200, "The variable as it is now.", VariableView, 409),
    sync_to_thread=True,
)
def set_variable(plane: ThePlane, name: str, data: GivenVariable) -> VariableView:
    """Give a variable a value; one that is there is replaced only with `overwrite`."""
    given = checked(data)
    return plane.variables.set(named(name), given.value, given.tags, overwrite=given.overwrite)


@patch(
    "/{name:str}",
    operation_id="variables_change",
    summary="Change a variable",
    responses=answers(200, "The variable as it is now.", VariableView, 404, 409),
    sync_to_thread=True,
)
def change_variable(plane: ThePlane, name: str, data: VariableChange) -> VariableView:
    """Change the value, the tags or the name of a variable that is there; what is absent stays."""
    given = checked(data)
    value: dict[str, Any] = {} if given.value is UNSET else {"value": given.value}
    return plane.variables.change(named(name), tags=given.tags, new_name=given.new_name, **value)


@delete(
    "/{name:str}",
    operation_id="variables_unset",
    summary="Delete a variable",
    status_code=204,
    responses=answers(204, "It is gone.", None, 404),
    sync_to_thread=True,
)
def unset_variable(plane: ThePlane, name: str) -> None:
    """Remove a variable."""
    if not plane.variables.unset(named(name)):
        raise ObjectNotFound(f"There is no variable {named(name)!r}.")


router = Router(
    "/variables",
    route_handlers=[page, count, get_variable, set_variable, change_variable, unset_variable],
    tags=["Variables"],
)
