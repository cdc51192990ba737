"""What the server says when it cannot do what was asked: RFC 9457 problem details, ``application/problem+json``."""

from __future__ import annotations

from msgspec import Struct, field

MEDIA_TYPE = "application/problem+json"


class FieldProblem(Struct, omit_defaults=True):
    """What is wrong with one field of a request; `path` is like ``$.query.limit``."""

    path: str
    message: str


class Problem(Struct, omit_defaults=True, kw_only=True):
    """Why a request failed.

    Attributes:
        type: `urn:levada:<kebab-case name of the error class>`, by which clients know which error to raise.
        title: short and always the same for a type.
        status: the HTTP status.
        detail: what happened, to what, and what to do.
        request_id: under which the server's log knows it.
    """

    type: str = "about:blank"
    title: str = ""
    status: int = 500
    detail: str = ""
    fields: list[FieldProblem] = field(default_factory=list)
    request_id: str | None = None
