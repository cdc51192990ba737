"""Which transaction the code here is part of: a context variable, carried into threads by copying the context."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from levada.transactions.law import BaseTransaction

_current: ContextVar[BaseTransaction | None] = ContextVar("levada_transaction", default=None)
_opener: Callable[[], BaseTransaction | None] | None = None


def get_transaction() -> BaseTransaction | None:
    """The innermost transaction that is open here; None outside of all."""
    found = _current.get()
    if found is None and _opener is not None:
        return _opener()
    return found


def set_opener(opener: Callable[[], BaseTransaction | None] | None) -> None:
    """Say what `get_transaction` gives where none is open: the engine opens that of the running task when asked for."""
    global _opener  # noqa: PLW0603 - set once, by the session
    _opener = opener


def current() -> BaseTransaction | None:
    """The innermost transaction that is open here, without asking the opener."""
    return _current.get()


def activate(transaction: BaseTransaction) -> Token[BaseTransaction | None]:
    """Make a transaction the innermost one of this context; `deactivate` with the token that is returned."""
    return _current.set(transaction)


def deactivate(token: Token[BaseTransaction | None]) -> None:
    """Take back what `activate` did."""
    _current.reset(token)
