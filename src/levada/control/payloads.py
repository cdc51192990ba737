"""Parameters of flow runs as they come in: JSON from anybody, sealed bytes of background tasks; bounded, never opened.

A sealed payload is stored and handed on as it is. Nothing of the control plane reads it, because a pickle executes code
when it is read.
"""

from __future__ import annotations

from typing import Any

import msgspec

from levada.core.errors import RequestInvalid, RequestTooLarge
from levada.wire.changes import LARGEST_PARAMETERS, NewFlowRun
from levada.wire.pools import BACKGROUND_POOL
from levada.wire.records import Payload

MOST_SHOWN = 100
_SHOWN = 120
_LONGEST_REFERENCE = 2_000


def parameters_of(new: NewFlowRun) -> tuple[Payload, dict[str, str]]:
    """The parameters of a new run, as they are kept, and as people see them.

    Raises:
        RequestInvalid: they cannot be kept like this.
        RequestTooLarge: they are larger than 512 KiB.
    """
    if new.payload is not None:
        return _sealed(new, new.payload)
    if new.shown:
        raise _wrong("$.shown", "says what is in a payload, and there is none")
    try:
        data = msgspec.json.encode(new.parameters)
    except (TypeError, ValueError, OverflowError) as problem:
        raise RequestInvalid(f"The parameters are no JSON: {problem}.", (("$.parameters", str(problem)),)) from problem
    _check_size(len(data))
    shown = {name: _short(value) for name, value in new.parameters.items()}
    return Payload("json", data, size=len(data), type="dict", preview=_short(new.parameters)), shown


def _sealed(new: NewFlowRun, payload: Payload) -> tuple[Payload, dict[str, str]]:
    if new.work_pool_name != BACKGROUND_POOL or new.deployment_id is not None:
        raise _wrong("$.payload", f"is only for runs of work pool {BACKGROUND_POOL!r}, which serve background tasks")
    if new.parameters:
        raise _wrong("$.payload", "takes the place of parameters, and both are given")
    if not 0 < len(payload.serializer) <= 255 or payload.serializer == "none":
        raise _wrong("$.payload", "names no serializer")
    if (payload.data is None) == (payload.key is None):
        raise _wrong("$.payload", "must hold either data or the key under which they lie in result storage")
    if any(len(text or "") > _LONGEST_REFERENCE for text in (payload.key, payload.storage, payload.digest)):
        raise _wrong("$.payload", f"has a reference of more than {_LONGEST_REFERENCE} characters")
    _check_size(len(payload.data or b""))
    if len(new.shown) > MOST_SHOWN:
        raise _wrong("$.shown", f"has more than {MOST_SHOWN} values")
    shown = {_cut(name): _cut(text) for name, text in new.shown.items()}
    size = payload.size if payload.data is None else len(payload.data)
    kept = Payload(
        payload.serializer,
        payload.data,
        payload.key,
        payload.storage,
        max(0, size),
        _cut(payload.type),
        None if payload.preview is None else _cut(payload.preview),
        digest=payload.digest,
    )
    return kept, shown


def _check_size(size: int) -> None:
    if size > LARGEST_PARAMETERS:
        raise RequestTooLarge(
            f"The parameters take {size} bytes; {LARGEST_PARAMETERS} is the most. Put large values somewhere else "
            "and pass a reference."
        )


def _wrong(path: str, problem: str) -> RequestInvalid:
    return RequestInvalid(f"The flow run cannot be made: {path} {problem}.", ((path, problem),))


def _short(value: Any) -> str:
    """A JSON value as the engine shows values of the same kind."""
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
