"""Exceptions as problems: `application/problem+json`, with a status that says whose move it is.

::

    ObjectNotFound 404                       ParameterError, RequestInvalid, ConfigurationError 422
    ObjectAlreadyExists 409                  RequestTooLarge 413
    TransitionRefused, UnfinishedRun 409     TooManyRequests 429 with Retry-After
    NotAuthenticated 401                     StoreUnavailable 503 with Retry-After
    NotPermitted 403                         anything else 500, with its traceback in the server's log

The type of a problem is ``urn:levada:`` and the error's class in kebab case, by which clients raise the same class.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from litestar.exceptions import HTTPException
from litestar.response.base import ASGIResponse

from levada.core import errors
from levada.server.rendering import Answer, as_json
from levada.wire.problems import MEDIA_TYPE, FieldProblem, Problem

if TYPE_CHECKING:
    from litestar import Request
    from litestar.response import Response

log = logging.getLogger("levada.server")

STATUSES: Final[dict[type[errors.LevadaError], int]] = {
    errors.ObjectNotFound: 404,
    errors.ObjectAlreadyExists: 409,
    errors.TransitionRefused: 409,
    errors.UnfinishedRun: 409,
    errors.NotPausedError: 409,
    errors.ParameterError: 422,
    errors.RequestInvalid: 422,
    errors.ConfigurationError: 422,
    errors.DefinitionError: 422,
    errors.ObjectUnsupported: 422,
    errors.ConcurrencySlotAcquisitionError: 422,
    errors.RequestTooLarge: 413,
    errors.TooManyRequests: 429,
    errors.NotAuthenticated: 401,
    errors.NotPermitted: 403,
    errors.StoreUnavailable: 503,
}
"""The status of each class of error; a class without one has that of its nearest ancestor."""

_OF_HTTP: Final[dict[int, type[errors.LevadaError]]] = {
    400: errors.RequestInvalid,
    401: errors.NotAuthenticated,
    403: errors.NotPermitted,
    404: errors.ObjectNotFound,
    413: errors.RequestTooLarge,
    429: errors.TooManyRequests,
}
"""What the framework's own refusals are called in our tree; its 400 is our 422."""

_RETRY_AFTER: Final = {429: 1, 503: 2}
"""Seconds after which to ask again, when the error does not say."""


def kind(error: type[BaseException]) -> str:
    """The type of the problem that an error becomes."""
    return "urn:levada:" + re.sub(r"(?<!^)(?=[A-Z])", "-", error.__name__).lower()


def status_of(error: BaseException) -> int:
    """The status of the problem that an error becomes."""
    for ancestor in type(error).__mro__:
        if ancestor in STATUSES:
            return STATUSES[ancestor]
    return 500


def problem_of(error: BaseException, request_id: str | None) -> Problem:
    """What is said of an error.

    Args:
        error: what happened.
        request_id: under which the log knows the request.
    """
    if isinstance(error, HTTPException):
        return _of_framework(error, request_id)
    status = status_of(error)
    if status == 500:
        return Problem(
            type="urn:levada:internal-error",
            title="Internal error",
            status=500,
            detail=f"Something went wrong in the server; its log says what, under request {request_id}.",
            request_id=request_id,
        )
    return Problem(
        type=kind(type(error)),
        title=_title(type(error)),
        status=status,
        detail=str(error),
        fields=[FieldProblem(path, message) for path, message in getattr(error, "fields", ())],
        request_id=request_id,
    )


def answer_of(problem: Problem, headers: dict[str, str] | None = None) -> Answer:
    """The response that says a problem."""
    said = dict(headers or {})
    if problem.status in _RETRY_AFTER:
        said.setdefault("retry-after", str(_RETRY_AFTER[problem.status]))
    if problem.status == 401:
        # Passwords are taken as Basic, too, but that is not announced: browsers would ask in a window of their own
        # where the page has a better one.
        said.setdefault("www-authenticate", 'Bearer realm="levada"')
    return Answer(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=said)


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Make any exception that reaches the edge a problem, and log what nobody expected."""
    request_id: str | None = request.scope.get("state", {}).get("request_id")
    problem = problem_of(error, request_id)
    headers: dict[str, str] = {}
    if problem.status >= 500 and not isinstance(error, errors.LevadaError):
        log.error("%s %s failed (request %s)", request.method, request.url.path, request_id, exc_info=error)
    elif problem.status == 503:
        log.warning("%s %s: %s", request.method, request.url.path, error)
    if isinstance(error, HTTPException) and error.headers:
        headers |= {name.lower(): value for name, value in error.headers.items()}
    return answer_of(problem, {**headers, **_patience(error)})


def _of_framework(error: HTTPException, request_id: str | None) -> Problem:
    status = 422 if error.status_code == 400 else error.status_code
    known = _OF_HTTP.get(error.status_code)
    fields = [_field(one) for one in error.extra if isinstance(one, dict)] if isinstance(error.extra, list) else []
    match status:
        case 404:
            detail = "There is nothing at this address; /api/docs shows what there is."
        case 405:
            detail = "This address does not take that method; the Allow header names those it takes."
        case 413:
            detail = "The body of the request is larger than the server takes (server.max_body_bytes)."
        case 422 if fields:
            detail = f"The request cannot be used: {'; '.join(f'{one.path} {one.message}' for one in fields)}."
        case _ if status >= 500:
            detail = f"Something went wrong in the server; its log says what, under request {request_id}."
        case _:
            detail = error.detail
    return Problem(
        type="about:blank" if known is None else kind(known),
        title=error.detail if known is None else _title(known),
        status=status,
        detail=detail,
        fields=fields,
        request_id=request_id,
    )


def _field(said: dict[str, Any]) -> FieldProblem:
    """What the framework says of a parameter."""
    key = said.get("key", "")
    if key == "data":
        return FieldProblem("$", "the request has no body")
    source = getattr(said.get("source"), "value", said.get("source"))
    place = f"{source}.{key}" if source and source != "body" else key
    return FieldProblem(f"$.{place}" if place else "$", str(said.get("message", "cannot be used")))


def _title(error: type[BaseException]) -> str:
    return (error.__doc__ or "").strip().partition("\n")[0].rstrip(".")


def refusal(error: errors.LevadaError, request_id: str | None) -> ASGIResponse:
    """The response of a request that does not reach the framework."""
    answer = answer_of(problem_of(error, request_id), _patience(error))
    return ASGIResponse(
        body=as_json(answer.content),
        status_code=answer.status_code or 500,
        headers=answer.headers,
        media_type=MEDIA_TYPE,
    )


def _patience(error: BaseException) -> dict[str, str]:
    seconds = getattr(error, "retry_after", None)
    return {} if seconds is None else {"retry-after": str(max(1, round(seconds)))}
