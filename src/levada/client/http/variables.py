"""Variables over HTTP; see `levada.wire.verbs.VariableVerbs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from levada.core.errors import ObjectNotFound
from levada.wire.objects import Count, Page, VariableView
from levada.wire.pages import VariablePage
from levada.wire.paths import segment
from levada.wire.requests import GivenVariable, VariableChange

if TYPE_CHECKING:
    from levada.client.http.transport import Transport


class RemoteVariables:
    """Small named values of a server."""

    def __init__(self, transport: Transport) -> None:
        self._ask = transport.ask

    def set(self, name: str, value: Any, tags: list[str] | None = None, *, overwrite: bool = False) -> VariableView:
        """Make a variable, or with `overwrite` replace one."""
        body = GivenVariable(value, tags, overwrite)
        return self._ask("PUT", f"/variables/{segment(name)}", VariableView, body=body, once=not overwrite)

    def get(self, name: str) -> VariableView | None:
        """A variable; None when there is none of that name."""
        try:
            return self._ask("GET", f"/variables/{segment(name)}", VariableView)
        except ObjectNotFound:
            return None

    def page(self, limit: int = 200, cursor: str | None = None) -> Page:
        """A page of variables, by name."""
        sent = self._ask("GET", "/variables", VariablePage, query={"limit": limit, "cursor": cursor})
        return Page(sent.items, sent.next)

    def count(self) -> int:
        """How many variables there are."""
        return self._ask("GET", "/variables/count", Count).count

    def change(
        self, name: str, *, value: Any = UNSET, tags: list[str] | None = None, new_name: str | None = None
    ) -> VariableView:
        """Change what is given of a variable."""
        body = VariableChange(value, tags, new_name)
        return self._ask("PATCH", f"/variables/{segment(name)}", VariableView, body=body, once=new_name is not None)

    def unset(self, name: str) -> bool:
        """Remove a variable; False when there was none."""
        try:
            self._ask("DELETE", f"/variables/{segment(name)}")
        except ObjectNotFound:
            return False
        return True
