"""Templates: a placeholder alone keeps its type, one inside a text becomes text."""

from __future__ import annotations

import pytest

from levada.core.errors import ConfigurationError
from levada.core.templates import MISSING, fill, names_in

VALUES = {"count": 3, "env": {"A": "1"}, "none": None, "name": "press"}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{{ count }}", 3),
        ("{{count}} of {{ name }}", "3 of press"),
        ("{{ env }}", {"A": "1"}),
        ({"env": "{{ env }}", "gone": "{{ nobody }}"}, {"env": {"A": "1"}}),
        (["{{ count }}", "{{ nobody }}", {"deep": ["x-{{ name }}"]}], [3, {"deep": ["x-press"]}]),
        ("[{{ nobody }}]", "[]"),
        ("{{ none }}", None),
        (7, 7),
        ("{ name }", "{ name }"),
    ],
)
def test_templates_are_filled_in(template: object, filled: object) -> None:
    assert fill(template, VALUES) == filled


def test_a_template_that_is_nothing_but_an_unknown_name_is_missing() -> None:
    assert fill("{{ nobody }}", VALUES) is MISSING


def test_strict_templates_name_what_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="nobody"):
        fill({"a": ["{{ nobody }}"]}, VALUES, strict=True)


def test_what_names_stand_for_may_be_a_function() -> None:
    assert fill("{{ env.HOME }}/x", lambda name: name.upper()) == "ENV.HOME/x"
    assert list(names_in({"a": ["{{ b }} {{ c.d }}"], "e": 1})) == ["b", "c.d"]
