"""What a form asks for is checked, with the path to each thing that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from levada.core.json_schema import problems_of

FORM = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 5},
        "age": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 150}, {"type": "null"}]},
        "pets": {"type": "array", "items": {"$ref": "#/$defs/Pet"}},
        "kind": {"const": "person"},
        "extra": {"allOf": [{"type": "number"}]},
    },
    "$defs": {"Pet": {"type": "object", "properties": {"says": {"enum": ["miau", "wuff"]}}, "required": ["says"]}},
}


@pytest.mark.parametrize(
    "value",
    [
        {"name": "Ada"},
        {"name": "Ada", "age": None, "pets": [{"says": "miau"}], "kind": "person", "extra": 1.5},
        {"name": "Ada", "age": 3.0},
    ],
)
def test_what_was_asked_for_is_right(value: Any) -> None:
    assert problems_of(value, FORM) == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([], ("$", "must be object")),
        ({}, ("$.name", "is missing")),
        ({"name": 3}, ("$.name", "must be string")),
        ({"name": "A"}, ("$.name", "must have 2 characters or more")),
        ({"name": "Adelaide"}, ("$.name", "must have 5 characters at most")),
        ({"name": "Ada", "age": True}, ("$.age", "must be integer")),
        ({"name": "Ada", "age": -1}, ("$.age", "must be 0 or more")),
        ({"name": "Ada", "age": 151}, ("$.age", "must be 150 at most")),
        (
            {"name": "Ada", "pets": [{"says": "miau"}, {"says": "moo"}]},
            ("$.pets[1].says", "must be one of 'miau', 'wuff'"),
        ),
        ({"name": "Ada", "kind": "robot"}, ("$.kind", "must be 'person'")),
        ({"name": "Ada", "extra": "x"}, ("$.extra", "must be number")),
        ({"name": "Ada", "nme": 1}, ("$.nme", "is not known here")),
    ],
)
def test_what_is_wrong_is_said_with_its_path(value: Any, problem: tuple[str, str]) -> None:
    assert problems_of(value, FORM) == [problem]


@pytest.mark.parametrize(
    "schema", [True, None, [], {"$ref": "#"}, {"$ref": "#/$defs/none"}, {"type": "date"}, {"type": 3}]
)
def test_a_schema_that_says_nothing_lets_everything_pass(schema: Any) -> None:
    assert problems_of({"a": [1]}, schema) == []
