"""The reference page of the HTTP API, made from the OpenAPI document that the server serves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from levada.control import ControlPlane
from levada.core.settings import Settings
from levada.server.api.document import document
from levada.server.app import create_app

_METHODS = ("get", "post", "put", "patch", "delete")
_EVERYWHERE = ("401", "403", "422", "429", "503")
_PROSE = """
Everything is below `/api`, as JSON; `/api/docs` is a page to browse it, `/api/openapi.json` the same as OpenAPI 3.1.
`levada.client.get_client()` has a typed method for each operation.

- **Who asks**: `Authorization: Bearer KEY`, or `Basic` with the password of the server. Nobody need say so on a server
  that demands nothing. A key has scopes: `read`, `write`, `ingest`, `admin`.
- **Names in paths**: a run is named by its id, the beginning of its id, or a name that only it has. In a name `~1`
  stands for `/` and `~0` for `~`; a name that is a word of the path (`count`, `filter`) is written after `~-`.
- **Times** are ISO 8601 with a zone, ids UUIDs. In answers a field that has its default is left out.
- **Pages**: a list gives `items` and `next`; pass `next` on as `cursor` to get what follows. `limit` is at most
  `server.max_page_size`. Counts stop at a bound and say so.
- **Problems** are `application/problem+json` (RFC 9457). `type` is `urn:levada:` and the name of the error that the
  Python client raises, `detail` says what happened, to what, and what to do, and `fields` holds the path and problem of
  each field that cannot be used.

Every operation can also answer:

| status | |
|---|---|
"""


def api_document() -> str:
    """The OpenAPI document itself; without the version, which is not what it is about."""
    made = _made()
    made["info"]["version"] = "0"
    return json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _made() -> dict[str, Any]:
    return document(create_app(ControlPlane(Path("~/.levada")), Settings()))


def api_page(note: str) -> str:
    """The reference page.

    Args:
        note: says that the page is generated.
    """
    made = _made()
    found = sorted(_operations(made), key=lambda one: (one[2]["tags"][0], one[0]))
    lines = ["# The HTTP API", "", note, _PROSE.rstrip("\n")]
    said = {status: one for _, _, operation in found for status, one in operation["responses"].items()}
    lines += [f"| {status} | {said[status]['description']} |" for status in _EVERYWHERE if status in said]
    for tag, group in groupby(found, key=lambda one: one[2]["tags"][0]):
        lines += ["", f"## {tag[:1].upper()}{tag[1:]}"]
        for path, method, operation in group:
            lines += ["", *_operation_lines(path, method, operation)]
    lines += ["", "## What travels", "", "Fields without a default are required."]
    for name, schema in sorted(made["components"]["schemas"].items()):
        lines += ["", *_schema_lines(name, schema)]
    return "\n".join(lines).rstrip() + "\n"


def _operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in made["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield path, method.upper(), methods[method]


def _operation_lines(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"### {operation['summary']}"
    yield ""
    yield f"`{method} {path}`"
    yield ""
    yield operation["description"]
    parameters = operation.get("parameters", ())
    if parameters:
        yield ""
        yield "| parameter | in | |"
        yield "|---|---|---|"
        for one in parameters:
            yield f"| `{one['name']}` | {one['in']} | {_cell(_parameter(one))} |"
    yield ""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"- Body: {_type(content['schema'])}{'' if media_type == 'application/json' else f', {media_type}'}"
    for status, answer in operation["responses"].items():
        if status not in _EVERYWHERE:
            contents: list[dict[str, Any]] = list(answer.get("content", {}).values())
            schema = contents[0].get("schema") if contents and status < "300" else None
            yield f"- {status}: {answer['description']}{'' if schema is None else f' {_type(schema)}'}"


def _parameter(one: dict[str, Any]) -> str:
    default = one["schema"].get("default")
    said = [one.get("description", ""), _type(one["schema"]) + "."]
    if default not in {None, ""}:
        said.append(f"Default: `{default}`.")
    return " ".join(part for part in said if part)


def _schema_lines(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}"
    yield ""
    yield schema.get("description", "")
    if "enum" in schema:
        yield ""
        yield "One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + "."
    if schema.get("properties"):
        yield ""
        yield "| field | type | default |"
        yield "|---|---|---|"
        for field, one in schema["properties"].items():
            default = f"`{one['default']}`" if "default" in one and one["default"] is not None else ""
            default = "null" if "default" in one and one["default"] is None else default
            yield f"| `{field}` | {_cell(_type(one))} | {_cell(default)} |"


def _type(schema: dict[str, Any]) -> str:
    """A schema in few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return " or ".join(_type(one) for one in choices)
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(kind)
    if schema.get("prefixItems"):
        return f"array of {', '.join(_type(one) for one in schema['prefixItems'])}"
    if kind == "array":
        return f"array of {_type(schema.get('items', {}))}"
    if kind == "object" and schema.get("additionalProperties"):
        return f"object of {_type(schema['additionalProperties'])}"
    bounds = "".join(
        f" {word} {schema[key]:g}" for key, word in (("minimum", "≥"), ("maximum", "≤")) if schema.get(key) is not None
    )
    return str(schema.get("format") or kind) + bounds


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
