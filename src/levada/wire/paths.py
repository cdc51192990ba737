"""Names and ids as parts of a path.

A path is cut at its slashes before anything in it is decoded, so a name that holds one is written as in JSON Pointer
(RFC 6901): `~1` stands for `/`, `~0` for `~`. What is left is percent-encoded as everywhere. A name that means
something else in a path (`.`, `..`, or a word like `count` that stands where a name could) is written after `~-`.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

RESERVED = frozenset(
    {
        ".",
        "..",
        "acquire",
        "count",
        "export",
        "filter",
        "history",
        "known",
        "lateness",
        "look",
        "pour",
        "preview",
        "state_counts",
        "upcoming",
    }
)
"""Words that have a meaning of their own where a name could stand."""

_MARK = "~-"


def segment(name: str) -> str:
    """The part of a path that stands for a name, ready to be put into an address."""
    if name in RESERVED:
        return _MARK + name
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~")


def name_in(part: str, *, decoded: bool = True) -> str:
    """The name that a part of a path stands for.

    Args:
        part: the part.
        decoded: whether its percent signs have been decoded, as web servers do.
    """
    text = part if decoded else unquote(part)
    return text.removeprefix(_MARK).replace("~1", "/").replace("~0", "~")
