"""Templates: values in which `{{ name }}` stands for other values.

A text that is nothing but one placeholder becomes the value itself, whatever its type; a placeholder inside a longer
text becomes text. Lists and tables are filled in all the way down. What a name stands for is up to whoever fills in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from levada.core.errors import ConfigurationError

PLACEHOLDER: Final = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
"""What stands for a value; its group is the name."""


class _Missing:
    """The value of a name that stands for nothing."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()

Resolve = Callable[[str], Any]
"""What a name stands for; `MISSING` when nothing."""


def fill(template: Any, resolve: Resolve | Mapping[str, Any], *, strict: bool = False) -> Any:
    """A template with its placeholders filled in; the template stays as it is.

    Args:
        template: text, or lists and tables (of any depth) with texts in them. Keys of tables are taken as they are.
        resolve: what a name stands for, as a table or a function that gives `MISSING` for names it does not know.
        strict: a name that stands for nothing is an error. Otherwise a value that is nothing but such a placeholder is
            left out of its list or table (`MISSING` when it is the whole template), and inside a text it is empty.

    Raises:
        ConfigurationError: a name stands for nothing, and that is to be an error.
    """
    return _fill(template, _resolver(resolve), strict)


def names_in(template: Any) -> Iterator[str]:
    """The names of all placeholders of a template, in their order, repeated ones too."""
    if isinstance(template, str):
        yield from (found.group(1) for found in PLACEHOLDER.finditer(template))
    elif isinstance(template, Mapping):
        for value in template.values():
            yield from names_in(value)
    elif isinstance(template, list | tuple):
        for value in template:
            yield from names_in(value)


def _resolver(resolve: Resolve | Mapping[str, Any]) -> Resolve:
    if isinstance(resolve, Mapping):
        table = resolve
        return lambda name: table.get(name, MISSING)
    return resolve


def _fill(template: Any, resolve: Resolve, strict: bool) -> Any:
    if isinstance(template, str):
        return _filled_text(template, resolve, strict)
    if isinstance(template, Mapping):
        pairs = ((key, _fill(value, resolve, strict)) for key, value in template.items())
        return {key: value for key, value in pairs if value is not MISSING}
    if isinstance(template, list | tuple):
        values = (_fill(value, resolve, strict) for value in template)
        return [value for value in values if value is not MISSING]
    return template


def _filled_text(text: str, resolve: Resolve, strict: bool) -> Any:
    whole = PLACEHOLDER.fullmatch(text.strip())
    if whole is not None:
        return _value(whole.group(1), resolve, strict)

    def said(found: re.Match[str]) -> str:
        value = _value(found.group(1), resolve, strict)
        return "" if value is MISSING or value is None else str(value)

    return PLACEHOLDER.sub(said, text)


def _value(name: str, resolve: Resolve, strict: bool) -> Any:
    value = resolve(name)
    if value is MISSING and strict:
        raise ConfigurationError(
            f"The template has a placeholder {{{{ {name} }}}}, and nothing says what it stands for."
        )
    return value
