from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest

from levada.core.errors import InvalidNameError, NameTemplateError
from levada.core.naming import (
    ADJECTIVES,
    NOUNS,
    check_artifact_key,
    check_name,
    check_template,
    check_variable_name,
    render_template,
    slug,
    two_words,
)


def test_a_run_name_is_an_adjective_and_a_noun():
    first, second = two_words(0x5EED_1234).split("-")
    assert first in ADJECTIVES
    assert second in NOUNS


def test_every_pair_of_words_can_come_up():
    assert len({two_words(bits) for bits in range(len(ADJECTIVES) * len(NOUNS))}) == len(ADJECTIVES) * len(NOUNS)


def test_there_are_enough_words_and_none_twice():
    assert len(ADJECTIVES) >= 150
    assert len(NOUNS) >= 150
    assert len({*ADJECTIVES, *NOUNS}) == len(ADJECTIVES) + len(NOUNS)
    assert all(word.isascii() and word.isalpha() and word.islower() for word in ADJECTIVES + NOUNS)


def test_a_name_may_have_spaces_dots_and_any_letters():
    assert check_name("flow", "Übertragung no. 3 (täglich)") == "Übertragung no. 3 (täglich)"


@pytest.mark.parametrize("char", "/%&><")
def test_a_name_may_not_have_characters_with_a_meaning_elsewhere(char):
    with pytest.raises(InvalidNameError, match="flow"):
        check_name("flow", f"a{char}b")


@pytest.mark.parametrize("name", ["", "  "])
def test_a_name_may_not_be_empty(name):
    with pytest.raises(InvalidNameError, match="must not be empty"):
        check_name("task", name)


def test_a_name_must_be_text():
    with pytest.raises(TypeError, match="must be text"):
        check_name("flow", 3)


def test_a_template_may_use_attributes_items_conversions_and_nested_formats():
    template = "{order.id}-{columns[0]}-{mode!r:>{width}}-{when:%A}-{{literal}}"
    check_template(template, {"order", "columns", "mode", "width", "when"})
    rendered = render_template(
        template,
        {"order": SimpleNamespace(id=7), "columns": ["a"], "mode": "x", "width": 5, "when": date(2026, 7, 1)},
    )
    assert rendered == "7-a-  'x'-Wednesday-{literal}"


@pytest.mark.parametrize("template", ["{nmae}", "{nmae.x}", "{nmae[0]}", "{name:{nmae}}"])
def test_a_template_that_asks_for_what_is_not_there_is_told_what_is(template):
    with pytest.raises(NameTemplateError, match=r"asks for \{nmae\}; available: date, name"):
        check_template(template, {"name", "date"})


@pytest.mark.parametrize("template", ["{}", "{0}", "{0.x}"])
def test_a_template_must_name_what_it_asks_for(template):
    with pytest.raises(NameTemplateError, match="a value without a name"):
        check_template(template, {"name"})


def test_a_template_of_a_function_without_parameters_may_be_plain_text():
    assert check_template("nightly", ()) == "nightly"
    with pytest.raises(NameTemplateError, match="takes no parameters"):
        check_template("{x}", ())


def test_a_template_may_use_extra_names():
    check_template("{flow_run.name}-{x}", {"x"}, {"flow_run"})


@pytest.mark.parametrize("template", ["{x", "x}", "{x!z:}}"])
def test_a_template_must_be_well_formed(template):
    with pytest.raises(NameTemplateError, match="not well formed"):
        check_template(template, {"x"})


@pytest.mark.parametrize("template", ["{x.missing}", "{x[0]}", "{x:%%}", "{y}"])
def test_a_template_that_cannot_be_filled_in_names_the_template_and_the_cause(template):
    with pytest.raises(NameTemplateError, match="cannot be filled in: ") as caught:
        render_template(template, {"x": 3})
    assert template in str(caught.value)
    assert caught.value.__cause__ is not None


def test_artifact_keys_are_lowercase_letters_digits_and_dashes():
    assert check_artifact_key("report-2026-07") == "report-2026-07"
    for key in ("", "Report", "a_b", "a b", "é", None, "x" * 256):
        with pytest.raises(InvalidNameError):
            check_artifact_key(key)


def test_variable_names_may_have_underscores_too():
    assert check_variable_name("api_url-2") == "api_url-2"
    for name in ("", "API", "a.b", None, "x" * 256):
        with pytest.raises(InvalidNameError):
            check_variable_name(name)


def test_a_slug_has_only_letters_digits_and_single_dashes():
    assert slug("  My Flow: täglich__v2! ") == "my-flow-t-glich-v2"
