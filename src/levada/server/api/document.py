"""The OpenAPI 3.1 document, as it is served and as the reference page is made from it.

Litestar makes the document from the handlers; here it is completed by what it cannot know: the schemas of our Structs
with what their docstrings say (Litestar's own leave both words and bounds out), what the parts of paths mean, the
bodies of handlers that take bytes, who may ask, and that a request which does not fit is answered with 422, never 400.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.json import schema_components

from levada.server import health, session
from levada.server.requests import MSGPACK
from levada.wire import (
    changes,
    deployments,
    events,
    filters,
    ingest,
    objects,
    pages,
    pools,
    problems,
    records,
    requests,
    reruns,
)

if TYPE_CHECKING:
    from litestar import Litestar

_PREFIX = "#/components/schemas/"

_HOMES: Final[tuple[ModuleType, ...]] = (
    changes,
    deployments,
    events,
    filters,
    health,
    ingest,
    session,
    objects,
    pages,
    pools,
    problems,
    records,
    requests,
    reruns,
)
"""Where the Structs of requests and answers are."""

_NOT_SENT: Final = frozenset({"live_state"})
"""Fields that only exist inside a process."""

PATH_PARTS: Final[dict[str, str]] = {
    "run": "A flow run: its id, the beginning of its id, or a name that only it has.",
    "task": "A task run: its id, or the beginning of it.",
    "artifact": "An artifact: its key (the latest of it), its id, or the beginning of that.",
    "deployment": "A deployment: its id, `flow/name` (written `flow~1name`), or a name that only it has.",
    "number": "Number of the version.",
    "pool": "A work pool, by name. A `/` in it is written `~1`, a `~` is written `~0`.",
    "queue": "A queue of the pool, by name.",
    "worker": "Id of the worker.",
    "name": "The name. A `/` in it is written `~1`, a `~` is written `~0`.",
    "key": "The key. A `/` in it is written `~1`, a `~` is written `~0`.",
    "schedule": "Id of the schedule.",
    "backfill": "Id of the backfill.",
    "action": "What is to be done with it: pause, resume or cancel.",
    "job": "Id of the bulk job.",
    "api_key": "Id of the API key.",
    "search": "Id of the saved search.",
    "lease": "Id under which the slots are held.",
    "subject": "Id of a flow run or a task run.",
    "kind": "By what.",
    "writer": "Id of the journal of the process that asks.",
}
"""What the parameters in paths mean, unless their handler says so."""

QUERY_PARTS: Final[dict[str, str]] = {
    "limit": "Most items of the page.",
    "cursor": "Where the page begins: `next` of the page before.",
    "since": "Only what changed after this moment.",
    "start": "Beginning of the range.",
    "end": "End of the range.",
    "form": "Form of the file.",
    "prefix": "How the keys begin.",
    "page": "The page of which to list them; all when it is not given.",
    "name_like": "Text that the name contains.",
    "flow_run_id": "Only of these flow runs.",
    "task_run_id": "Only of these task runs.",
    "flow_name": "Only runs of these flows.",
    "logger": "Only lines of these loggers.",
    "text": "Only what contains this text.",
    "pool": "Only of this work pool.",
    "queue": "Only of this queue.",
    "latest": "Execute the version of its deployment that is live now, rather than its own.",
}
"""What the parameters in queries mean, unless their handler says so."""

_BYTES: Final = {"take_in": MSGPACK}
"""Operations whose body the handler reads itself, and what it is."""


def document(app: Litestar) -> dict[str, Any]:
    """The OpenAPI document of an application."""
    made = app.openapi_schema.to_schema()
    for operation in operations(made):
        _complete(operation)
    parts = made.setdefault("components", {})
    named = parts.setdefault("schemas", {})
    named.update(_described(named))
    for name in named.keys() - _reached(named, _references(made["paths"])):
        del named[name]
    parts["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key."},
        "password": {"type": "http", "scheme": "basic", "description": "The password of the server."},
    }
    made["security"] = [{"key": []}, {"password": []}, {}]
    return made


def operations(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every operation of a document."""
    for path in made["paths"].values():
        yield from (operation for operation in path.values() if isinstance(operation, dict))


def _complete(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if responses.pop("400", None) is not None:
        responses.setdefault("422", {"description": "The request cannot be used."})
    operation["description"] = inspect.cleandoc(operation.get("description") or "")
    for parameter in operation.get("parameters", ()):
        known = PATH_PARTS if parameter["in"] == "path" else QUERY_PARTS
        if not parameter.get("description") and parameter["name"] in known:
            parameter["description"] = known[parameter["name"]]
    media_type = _BYTES.get(operation.get("operationId", ""))
    if media_type is not None:
        schema = {"type": "string", "contentMediaType": media_type}
        operation["requestBody"] = {"required": True, "content": {media_type: {"schema": schema}}}


def _described(names: Iterable[str]) -> dict[str, Any]:
    """The schemas of our Structs, by name; what is no Struct of ours stays as it is."""
    found = [getattr(home, name) for name in names for home in _HOMES if hasattr(home, name)]
    structs = [kind for kind in dict.fromkeys(found) if isinstance(kind, type) and issubclass(kind, Struct)]
    _, schemas = schema_components(structs, ref_template=_PREFIX + "{name}", schema_hook=_foreign)
    for schema in schemas.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
        for name in _NOT_SENT & schema.get("properties", {}).keys():
            del schema["properties"][name]
    return schemas


def _reached(schemas: dict[str, Any], names: Iterable[str]) -> set[str]:
    """The names that schemas refer to, directly or not."""
    reached: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in reached and name in schemas:
            reached.add(name)
            waiting += _references(schemas[name])
    return reached


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(_PREFIX)
        for inner in schema.values():
            yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def _foreign(_: type) -> dict[str, Any]:
    """The schema of a type that msgspec does not know; none of them is sent."""
    return {"type": "object"}
