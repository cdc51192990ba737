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
    _keep_authors(found, error, set())
    return "".join(found.format()).rstrip()


def _keep_authors(shown: traceback.TracebackException, error: BaseException, seen: set[int]) -> None:
    if id(shown) in seen:
        return
    seen.add(id(shown))
    own = [frame for frame in shown.stack if not _is_machinery(frame.filename)]
    if own:
        shown.stack = traceback.StackSummary.from_list(own)
    elif isinstance(error, LevadaError):
        shown.stack = traceback.StackSummary()
        if shown.__cause__ is not None and all(_is_machinery(frame.filename) for frame in shown.__cause__.stack):
            shown.__cause__ = None
            shown.__suppress_context__ = True
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    around = [(shown.__cause__, error.__cause__), (shown.__context__, error.__context__)]
    for inner, raised in [*around, *zip(shown.exceptions or (), members, strict=False)]:
        if inner is not None and raised is not None:
            _keep_authors(inner, raised, seen)


def _is_machinery(filename: str) -> bool:
    return filename.startswith(_PACKAGE) or any(part in filename for part in _LIBRARIES)
