"""How the OpenAPI document describes answers: what comes when it went well, and which problems there can be."""

from __future__ import annotations

from typing import Any, Final

from litestar.openapi.datastructures import ResponseSpec

from levada.wire.problems import MEDIA_TYPE, Problem

PROBLEMS: Final[dict[int, str]] = {
    401: "Nobody said who asks, or the key is not known.",
    403: "Whoever asks may not do this.",
    404: "There is none, or the beginning of an id fits several; `detail` says which.",
    409: "It stands against what is there already, or a rule says no; `detail` says which.",
    413: "The body is larger than the server takes.",
    422: "Fields of the request cannot be used; `fields` says which, and why.",
    429: "The server has more to do than it can; ask again after `Retry-After` seconds.",
    503: "The database cannot be reached now; ask again after `Retry-After` seconds.",
}
"""What each status of a problem means."""

ALWAYS: Final = (401, 403, 422, 429, 503)
"""Problems that every request can meet."""


def answers(status: int, told: str, model: Any = None, *problems: int, media_type: str | None = None) -> dict[int, Any]:
    """The `responses` of a handler.

    Args:
        status: of the answer when it went well.
        told: what that answer is, as a sentence.
        model: its type; None when it has no body.
        problems: statuses of the problems there can be beside `ALWAYS`.
        media_type: of the answer, when it is not JSON.
    """
    well = ResponseSpec(model, generate_examples=False, description=told, media_type=media_type or "application/json")
    wrong = {
        code: ResponseSpec(Problem, generate_examples=False, description=PROBLEMS[code], media_type=MEDIA_TYPE)
        for code in sorted({*ALWAYS, *problems})
    }
    return {status: well, **wrong}
