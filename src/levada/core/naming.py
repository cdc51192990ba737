"""The law of names: what a thing may be called, run names for those nobody named, and name templates.

A template (`flow_run_name`, `task_run_name`) is Python's format language over the parameters of the function:
``"{name}-on-{date:%A}"``, ``"{order.id}"``, ``"{columns[0]}"``. It is checked when the function is decorated, so that a
misspelt parameter is told before anything runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from string import Formatter
from typing import Any, Final

from levada.core.errors import InvalidNameError, NameTemplateError

BANNED: Final = "/%&><"
"""Characters that no name may contain: they have a meaning in paths, addresses and pages."""

LONGEST_KEY: Final = 255

_KEY = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_VARIABLE = _KEY | {"_"}

_ADJECTIVES = """
able agile airy alert alpine amber ample ancient arctic ardent autumn awake azure balmy basalt beaming billowy
blooming blue bold boreal brave breezy bright brisk bronze bubbling buoyant calm candid cascading cheerful chilly
clear clever cloudy coastal cobalt cool copper coral cosy crisp crystal curious daring dawning deep deft dewy
distant drifting dusky eager early earnest easy emerald endless evening fabled fair fearless fertile fine firm fleet
floating flowing fluent foamy fond fragrant free fresh frosty gentle gilded glacial glassy gleaming glowing golden
graceful grassy green hardy hazy hearty hidden high hopeful humble icy indigo ivory jade jaunty jolly keen kind
lasting leafy level light lilac limpid lively lofty lone lucid lunar lush magnetic marble mellow merry mild misty
modest mossy moonlit morning nimble noble northern ocean olive opal open orderly pacific patient peaceful pearly
placid polar polished proud quick quiet rainy rambling rapid ready refreshing restful rippling rocky rolling rosy
rugged rushing rustic sandy sapphire scarlet serene shady shining silent silken silver sincere sleek smooth snowy
soaring soft solar solid southern sparkling stately steady steep still stony stout sturdy summer sunlit sunny swift
tall tender thawing tidal tranquil true upland valiant vast velvet verdant vernal violet vivid wandering warm wavy
western wild willing windy winter wise wooded young zesty
"""

_NOUNS = """
acorn alder anchor antler aqueduct arbor ash aspen atoll badger bank basin bay beach beacon bear beaver beech birch
bluff boulder bramble branch breeze briar bridge brook burrow canal canyon cape cascade cave cedar chamois channel
chasm clearing cliff cloud clover coast comet condor conduit cove crag crane crater creek crest current cypress dale
deer delta dew dolphin dove downs drift dune eagle eddy egret elk elm estuary falcon falls fawn fell fern field
finch fjord floe flume ford forest fountain fox garden gate geyser glacier glade glen gorge granite grotto grove
gulf gull gully harbor hare harvest hawk hazel headland heath heather hedge heron hill hollow horizon ibex inlet
island isle ivy jay juniper kestrel kingfisher knoll lagoon lake larch lark laurel leaf ledge lichen lily linden
lock lynx maple marsh marten meadow mesa mill mist monsoon moor moraine moss mountain newt oak oasis orchard orchid
osprey otter owl pass pasture path peak pebble pelican petrel pine plain plateau pond poplar prairie quarry rain
rapids raven ravine reed reef reservoir ridge rill river robin rock rowan runnel sail sandbar sapling savanna seal
sedge shale shoal shore shower sierra slope sluice snow sorrel source sparrow spring spruce squall stag star steppe
stone stork stream strait summit surf swallow swan tarn teal terrace thicket thistle thrush tide timber torrent
trail trout tundra valley vale verge vine vista volcano wadi warbler waterfall wave weir well wharf willow wind wolf
wood wren yew
"""

ADJECTIVES: Final = tuple(_ADJECTIVES.split())
"""First words of generated run names. No word stands in both lists."""

NOUNS: Final = tuple(_NOUNS.split())
"""Second words of generated run names."""


def two_words(bits: int) -> str:
    """A run name like ``misty-aqueduct``, chosen by random bits (32 of them are enough)."""
    rest, first = divmod(bits, len(ADJECTIVES))
    return f"{ADJECTIVES[first]}-{NOUNS[rest % len(NOUNS)]}"


def check_name(kind: str, name: str) -> str:
    """Return `name` when a thing may be called so.

    Args:
        kind: what is named, for the message: ``flow``, ``task``, ``tag`` …
        name: what it is to be called.

    Raises:
        TypeError: the name is not text.
        InvalidNameError: it is empty, or contains one of the characters in `BANNED` or one that cannot be seen.
    """
    if not isinstance(name, str):
        raise TypeError(f"The name of a {kind} must be text, got {name!r}.")
    if not name.strip():
        raise InvalidNameError(f"The name of a {kind} must not be empty.")
    if any(char in BANNED for char in name):
        raise InvalidNameError(
            f"Name {name!r} contains an invalid character: a {kind} may have none of {list(BANNED)}."
        )
    if not name.isprintable():
        raise InvalidNameError(
            f"Name {name!r} contains a line break or another character that cannot be seen: a {kind} may have none."
        )
    return name


def check_artifact_key(key: str) -> str:
    """Return `key` when an artifact may have it.

    Raises:
        InvalidNameError: it is empty, longer than 255, or has more than lowercase letters, digits and dashes.
    """
    return _check_key("Artifact key", key, _KEY, "lowercase letters, digits and dashes")


def check_variable_name(name: str) -> str:
    """Return `name` when a variable may have it.

    Raises:
        InvalidNameError: it is empty, longer than 255, or has more than lowercase letters, digits, dashes and
            underscores.
    """
    return _check_key("Variable name", name, _VARIABLE, "lowercase letters, digits, dashes and underscores")


def slug(text: str) -> str:
    """The text in lowercase letters, digits and single dashes; what is none of these becomes a dash."""
    plain = "".join(char if char in _KEY else "-" for char in text.lower())
    return "-".join(part for part in plain.split("-") if part)


def check_template(template: str, parameters: Collection[str], extra: Collection[str] = ()) -> str:
    """Return `template` when every name in it is one the function can fill in.

    Args:
        template: text in Python's format language.
        parameters: the names of the function's parameters.
        extra: other names that may stand in it.

    Raises:
        NameTemplateError: it is not well formed, or asks for something that is not there.
    """
    available = {*parameters, *extra}
    for name in _names_in(template, template):
        if name not in available:
            has = ", ".join(sorted(available)) or "nothing, for the function takes no parameters"
            what = f"{{{name}}}" if name else "a value without a name"
            raise NameTemplateError(f"Template {template!r} asks for {what}; available: {has}.")
    return template


def render_template(template: str, parameters: Mapping[str, Any]) -> str:
    """Fill a checked template in.

    Raises:
        NameTemplateError: a parameter lacks the attribute or item asked for, or cannot be formatted so.
    """
    try:
        return template.format_map(parameters)
    except Exception as problem:
        cause = f"{type(problem).__name__}: {problem}"
        raise NameTemplateError(f"Template {template!r} cannot be filled in: {cause}") from problem


def _names_in(template: str, whole: str) -> Iterator[str]:
    try:
        fields = list(Formatter().parse(template))
    except ValueError as problem:
        raise NameTemplateError(f"Template {whole!r} is not well formed: {problem}.") from None
    for _, field, spec, _ in fields:
        if field is not None:
            name = field.partition(".")[0].partition("[")[0]
            yield "" if name.isdecimal() else name
        if spec:
            yield from _names_in(spec, whole)


def _check_key(what: str, key: object, allowed: frozenset[str], words: str) -> str:
    if not isinstance(key, str) or not key or not allowed.issuperset(key):
        raise InvalidNameError(f"{what} {key!r} cannot be used: it must consist of {words}.")
    if len(key) > LONGEST_KEY:
        raise InvalidNameError(f"{what} {key[:20]!r}… has {len(key)} characters; {LONGEST_KEY} is the most.")
    return key
