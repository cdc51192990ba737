"""The facts of a flow run: short texts by which runs are found when somebody filters by tag, parameter or label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

SHOWN = 200
"""Characters of a name or value that count; longer ones are compared by their beginning: an index must hold them."""


def facts_of(tags: Iterable[str], parameters: Mapping[str, str], labels: Mapping[str, Any]) -> list[str]:
    """All facts of a run, each once.

    Args:
        tags: its tags.
        parameters: its parameters, as the short texts shown for them.
        labels: its labels; a value that is no text counts as the text JSON would show.
    """
    facts = [tag_fact(tag) for tag in tags]
    facts += [parameter_fact(name, value) for name, value in parameters.items()]
    facts += [label_fact(name, value) for name, value in labels.items()]
    return list(dict.fromkeys(facts))


def tag_fact(tag: str) -> str:
    """The fact that a run has a tag."""
    return f"t:{tag[:SHOWN]}"


def parameter_fact(name: str, shown: str) -> str:
    """The fact that a parameter has a value, given as the short text shown for it."""
    return f"p:{name[:SHOWN]}={shown[:SHOWN]}"


def label_fact(name: str, value: Any) -> str:
    """The fact that a label has a value."""
    if isinstance(value, str):
        text = value
    else:
        # Compared by what they are: 1 equals True, and a list could not even be looked up.
        text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return f"l:{name[:SHOWN]}={text[:SHOWN]}"
