"""Tracebacks as authors want them: their own frames, without those of the engine in between."""

from __future__ import annotations

import traceback
from pathlib import Path

from levada.core.errors import LevadaError

_PACKAGE = str(Path(__file__).resolve().parents[1])
_LIBRARIES = ("/concurrent/futures/", "/asyncio/", "<frozen importlib")


def authors_traceback(error: BaseException) -> str:
    """The traceback of an error and its causes as text; frames of Levada itself are left out.

    Errors that come from inside Levada alone keep all their frames, since nothing else would be left to look at; but
    those that Levada raises on purpose, as when a parameter does not fit, say all there is to say in their message.
    """
    found = traceback.TracebackException.from_exception(error)
    _keep_authors(found, set())
    return "".join(found.format()).rstrip()


def _keep_authors(error: traceback.TracebackException, seen: set[int]) -> None:
    if id(error) in seen:
        return
    seen.add(id(error))
    own = [frame for frame in error.stack if not _is_machinery(frame.filename)]
    if own:
        error.stack = traceback.StackSummary.from_list(own)
    elif error.exc_type is not None and issubclass(error.exc_type, LevadaError):
        error.stack = traceback.StackSummary()
        if error.__cause__ is not None and all(_is_machinery(frame.filename) for frame in error.__cause__.stack):
            error.__cause__ = None
            error.__suppress_context__ = True
    for inner in (error.__cause__, error.__context__, *(error.exceptions or ())):
        if inner is not None:
            _keep_authors(inner, seen)


def _is_machinery(filename: str) -> bool:
    return filename.startswith(_PACKAGE) or any(part in filename for part in _LIBRARIES)
