"""The law of precedence: which source of a setting wins, and whether what it gives fits.

Values in, values out: `levada.settings` reads the files and the environment and hands in one layer for each.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from levada.core.errors import ConfigurationError
from levada.core.settings import NOT_IN_PROFILES, Settings, Source, alternatives, bare, by_env, env_name, names, setting


class Layer(Struct, frozen=True):
    """The settings of one source.

    Attributes:
        kind: as in `Source`.
        values: dotted name to what was given: text, or a value of the right type.
        where: the file or profile; for the environment it is worked out from the name.
        folder: what relative paths in it are relative to; None for the current directory.
    """

    kind: str
    values: Mapping[str, Any]
    where: str | None = None
    folder: str | None = None

    def source(self, name: str) -> Source:
        """The source of one of its settings."""
        return Source(self.kind, env_name(name) if self.kind == "environment" else self.where)


Place = Callable[[Path, str | None], Path]
"""Makes a path absolute: `~` expanded, relative to a folder."""


def resolve(layers: Iterable[Layer], place: Place) -> Settings:
    """The law of precedence: for each setting the first layer that gives it wins.

    Only what wins is converted; `problems` looks at the rest.

    Args:
        layers: highest priority first.
        place: makes paths absolute.

    Raises:
        ConfigurationError: a value that wins does not fit; the message names setting, source, value and what fits.
    """
    chosen: dict[str, Layer] = {}
    for layer in layers:
        for name in layer.values:
            chosen.setdefault(name, layer)
    values = {name: convert(name, layer, place) for name, layer in chosen.items()}
    sources = {name: layer.source(name) for name, layer in chosen.items()}
    default_home = {} if "home" in values else {"home": place(Settings().home, None)}
    return changed(Settings(), {**default_home, **values}, sources)


def changed(settings: Settings, values: Mapping[str, Any], sources: dict[str, Source]) -> Settings:
    """The settings with other values, already converted, for some dotted names."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        branch = tree
        *path, field = name.split(".")
        for part in path:
            branch = branch.setdefault(part, {})
        branch[field] = value
    return replace(typing.cast(Settings, _grafted(settings, tree)), sources={**settings.sources, **sources})


def _grafted(group: Struct, tree: dict[str, Any]) -> Struct:
    # No setting's value is a dict, so a dict is always a group.
    changes = {
        field: _grafted(getattr(group, field), value) if isinstance(value, dict) else value
        for field, value in tree.items()
    }
    return replace(group, **changes)


def convert(name: str, layer: Layer, place: Place) -> Any:
    """The value of one setting as a layer gives it.

    Raises:
        ConfigurationError: it does not fit.
    """
    raw = layer.values[name]
    wanted = setting(name)
    if layer.kind == "profile" and name in NOT_IN_PROFILES:
        raise ConfigurationError(
            f"{name} cannot be set in a profile ({layer.source(name)}): it says which profiles there are. "
            f"Set {wanted.env} instead."
        )
    try:
        value = msgspec.convert(read_text(raw, wanted.hint), wanted.hint, dec_hook=_decode_path)
    except (msgspec.MsgspecError, ValueError):
        shown = "a value that is not shown" if wanted.secret else repr(raw)
        raise ConfigurationError(f"{name} is {shown} ({layer.source(name)}), but must be {wanted.allowed}.") from None
    return place(value, layer.folder) if isinstance(value, Path) else value


def problems(layer: Layer, place: Place) -> list[str]:
    """Everything that is wrong with the values of one layer, whether they win or not."""
    found = []
    for name in layer.values:
        try:
            convert(name, layer, place)
        except ConfigurationError as error:
            found.append(str(error))
    return found


def flattened(tree: Mapping[str, Any], prefix: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of a file as dotted names, and what else stands there.

    Accepts tables (`[tasks] default_retries = 3`), dotted names and environment names.
    """
    known: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for key, value in tree.items():
        name = prefix + key
        if name not in names():
            name = by_env().get(key, name)
        if name in names():
            known[name] = value
        elif isinstance(value, Mapping):
            inner_known, inner_unknown = flattened(value, f"{name}.")
            known |= inner_known
            unknown |= inner_unknown
        else:
            unknown[name] = value
    return known, unknown


def read_text(raw: Any, hint: Any) -> Any:
    """Text as a value that can fit the hint; anything else as it is.

    Raises:
        ValueError: the text is no number, or no list, where one is wanted.
    """
    if not isinstance(raw, str):
        return raw
    text = raw.strip()
    kinds = [bare(kind) for kind in alternatives(hint)]
    kind = kinds[0]
    if str in kinds or Path in kinds:
        return raw
    if typing.get_origin(kind) is Literal:
        folded = {str(choice).casefold(): choice for choice in typing.get_args(kind)}
        return folded.get(text.casefold(), raw)
    if kind is bool:
        return _TRUTH.get(text.casefold(), raw)
    if any(typing.get_origin(item) in {list, tuple} for item in kinds) and (float not in kinds or _is_list(text)):
        return _read_list(text, float if float in kinds else str)
    return float(text) if kind is float else int(text)


_TRUTH = {
    **dict.fromkeys(("true", "1", "yes", "on", "t", "y"), True),
    **dict.fromkeys(("false", "0", "no", "off", "f", "n"), False),
}


def _is_list(text: str) -> bool:
    return text.startswith("[") or "," in text


def _read_list(text: str, kind: type[str] | type[float]) -> list[Any]:
    if text.startswith("["):
        return typing.cast(list[Any], msgspec.json.decode(text.encode()))
    return [kind(item.strip()) for item in text.split(",") if item.strip()]


def _decode_path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str | Path) and value != "":
        return Path(value)
    raise ValueError("a path must be text")
