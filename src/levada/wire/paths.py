"""Names and ids as parts of a path.

A path is cut at its slashes before anything in it is decoded, so a name that holds one is written as in JSON Pointer
(RFC 6901): `~1` stands for `/`, `~0` for `~`. What is left is percent-encoded as everywhere. A name of one or two dots
alone would be taken for a step in the path; `~.` stands for its first dot.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

_DOTS = {".", ".."}


def segment(name: str) -> str:
    """The part of a path that stands for a name, ready to be put into an address."""
    escaped = name.replace("~", "~0").replace("/", "~1")
    return quote(f"~{escaped}" if escaped in _DOTS else escaped, safe="~")


def name_in(part: str, *, decoded: bool = True) -> str:
    """The name that a part of a path stands for.

    Args:
        part: the part.
        decoded: whether its percent signs have been decoded, as web servers do.
    """
    text = part if decoded else unquote(part)
    if text.startswith("~") and text[1:] in _DOTS:
        return text[1:]
    return text.replace("~1", "/").replace("~0", "~")
