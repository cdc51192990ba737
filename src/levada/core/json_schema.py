"""Looks whether a JSON value is what a JSON Schema asks for: the part of the standard that forms are described with.

Known are `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`, `anyOf`, `oneOf`, `allOf`,
`minimum`, `maximum`, `minLength`, `maxLength` and `$ref` into `$defs` of the same schema. Other keywords are passed
over: what they would refuse, the code that reads the value refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

DEEPEST: Final = 50
"""Steps into a schema; one that goes deeper, or round in circles, is not followed."""

Problem = tuple[str, str]
"""A path like ``$.inputs.name``, and what is wrong there."""

UNKNOWN: Final = "is not known here"
"""What is wrong with a property that ``additionalProperties: false`` refuses."""

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


def problems_of(value: Any, schema: Any, path: str = "$") -> list[Problem]:
    """What is wrong with a value, in the order of the schema; empty when nothing is."""
    return list(_look(value, schema, path, schema, 0))


def _look(value: Any, schema: Any, path: str, root: Any, depth: int) -> Iterator[Problem]:
    if schema is False:
        yield path, UNKNOWN
    if not isinstance(schema, dict) or depth > DEEPEST:
        return
    reference = schema.get("$ref")
    if isinstance(reference, str):
        yield from _look(value, _referred(root, reference), path, root, depth + 1)
    wanted = schema.get("type")
    kinds = [wanted] if isinstance(wanted, str) else wanted if isinstance(wanted, list) else []
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield path, f"must be {' or '.join(map(str, kinds))}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield path, f"must be one of {', '.join(map(repr, schema['enum']))}"
    if "const" in schema and value != schema["const"]:
        yield path, f"must be {schema['const']!r}"
    yield from _combined(value, schema, path, root, depth)
    if isinstance(value, dict):
        yield from _object(value, schema, path, root, depth)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _look(item, schema.get("items"), f"{path}[{number}]", root, depth + 1)
    else:
        yield from _bounds(value, schema, path)


def _is(value: Any, kind: str) -> bool:
    if kind not in _TYPES:
        return True
    if isinstance(value, bool) and kind != "boolean":
        return False
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def _referred(root: Any, reference: str) -> Any:
    place = root
    for part in reference.removeprefix("#/").split("/"):
        place = place.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(place, dict) else None
    return place


def _combined(value: Any, schema: dict[str, Any], path: str, root: Any, depth: int) -> Iterator[Problem]:
    for part in schema.get("allOf", ()):
        yield from _look(value, part, path, root, depth + 1)
    for keyword in ("anyOf", "oneOf"):
        found = [list(_look(value, part, path, root, depth + 1)) for part in schema.get(keyword, ())]
        if found and all(found):
            yield from min(found, key=len)


def _object(value: dict[str, Any], schema: dict[str, Any], path: str, root: Any, depth: int) -> Iterator[Problem]:
    known = schema.get("properties") or {}
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name}", "is missing"
    for name, inner in value.items():
        yield from _look(inner, known.get(name, schema.get("additionalProperties")), f"{path}.{name}", root, depth + 1)


def _bounds(value: Any, schema: dict[str, Any], path: str) -> Iterator[Problem]:
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            yield path, f"must have {schema['minLength']} characters or more"
        if len(value) > schema.get("maxLength", len(value)):
            yield path, f"must have {schema['maxLength']} characters at most"
    elif isinstance(value, (int, float)):
        if value < schema.get("minimum", value):
            yield path, f"must be {schema['minimum']} or more"
        if value > schema.get("maximum", value):
            yield path, f"must be {schema['maximum']} at most"
