"""What people type to search log lines: words that all occur, `-word`, `"several words"`, `a OR b`."""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')

GRAM = 3
"""Characters of the pieces by which an index of text finds a term; shorter terms it cannot help with."""


class Term(NamedTuple):
    """Alternatives of which one must occur, or, `absent`, none may; in any case of letters, as part of words too."""

    texts: tuple[str, ...]
    absent: bool


def parse(text: str) -> list[Term]:
    """The terms of a search; all of them must hold."""
    terms: list[Term] = []
    joins = False
    for minus, quoted, plain in _TOKEN.findall(text):
        if plain == "OR" and not minus:
            joins = True
            continue
        said = quoted or plain
        if not said:
            continue
        term = Term((said,), bool(minus))
        if joins and terms and not minus and not terms[-1].absent:
            terms[-1] = Term((*terms[-1].texts, said), False)
        else:
            terms.append(term)
        joins = False
    return terms


def match_expression(terms: list[Term]) -> str | None:
    """What to ask an FTS5 index of trigrams for, whose answer holds every line that is looked for; None: no use."""
    wanted = [
        f"({' OR '.join(_grams(text) for text in term.texts)})"
        for term in terms
        if not term.absent and all(len(text) >= GRAM for text in term.texts)
    ]
    return " AND ".join(wanted) or None


def _grams(text: str) -> str:
    grams = dict.fromkeys(text[place : place + GRAM] for place in range(len(text) - GRAM + 1))
    return "(" + " AND ".join('"' + gram.replace('"', '""') + '"' for gram in grams) + ")"
