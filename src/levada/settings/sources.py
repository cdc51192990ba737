"""Reads the places in which settings stand: environment, `.env`, `levada.toml`, `pyproject.toml`, the profile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from levada.core.errors import ConfigurationError
from levada.core.precedence import Layer, flattened, resolve
from levada.core.settings import NOT_SETTINGS, PREFIX, Settings, by_env


class Reading(Struct, frozen=True):
    """Everything that the sources give.

    Attributes:
        layers: highest priority first.
        unknown: for each source (a file, or `environment`) the names in it that are no settings.
    """

    layers: list[Layer]
    unknown: dict[str, list[str]]


def place(path: Path, folder: str | None) -> Path:
    """Make a path absolute: `~` expanded, relative to the folder, or to the current directory."""
    return Path(os.path.abspath(os.path.join(folder or "", os.path.expanduser(path))))


def read_layers() -> Reading:
    """Every source but profiles: they depend on what these say.

    Raises:
        ConfigurationError: a file cannot be read or is no TOML.
    """
    layers: list[Layer] = []
    unknown: dict[str, list[str]] = {}
    current = os.getcwd()
    for kind, where, values, folder in (
        ("environment", None, _of_prefix(os.environ.items()), None),
        (".env", os.path.join(current, ".env"), _read_dotenv(os.path.join(current, ".env")), current),
    ):
        known = {by_env()[name]: text for name, text in values.items() if name in by_env()}
        strange = [name for name in values if name not in by_env()]
        if known:
            layers.append(Layer(kind, known, where, folder))
        if strange:
            unknown[where or kind] = strange
    for kind, path, table in _project_files(current):
        settings, strange_values = flattened(table)
        layers.append(Layer(kind, settings, path, os.path.dirname(path)))
        if strange_values:
            unknown[path] = list(strange_values)
    return Reading(layers, unknown)


def resolve_layers(reading: Reading) -> Settings:
    """The settings that the sources give, together with the profile that they name.

    Raises:
        ConfigurationError: a value cannot be used, or the profile does not exist.
    """
    return resolve(with_profile(reading).layers, place)


def with_profile(reading: Reading) -> Reading:
    """The sources and, last, the profile that they name or the active one.

    Raises:
        MissingProfileError: the profile that is named does not exist.
    """
    leading = [_only(layer, {"home", "profile"}) for layer in reading.layers]
    where = resolve([layer for layer in leading if layer.values], place)
    file = where.home / "profiles.toml"
    if where.profile is None and not os.path.isfile(file):
        return reading
    from levada.settings.profiles import profile_layer  # lazy: only homes with profiles need a TOML parser

    layer, strange = profile_layer(where.home, where.profile, where.source("profile"))
    if layer is None:
        return reading
    return Reading([*reading.layers, layer], {**reading.unknown, **({str(file): strange} if strange else {})})


def current_home() -> Path:
    """The home, found without looking at profiles: it is where they are."""
    return resolve([_only(layer, {"home"}) for layer in read_layers().layers], place).home


def _only(layer: Layer, names: set[str]) -> Layer:
    return Layer(
        layer.kind, {name: value for name, value in layer.values.items() if name in names}, layer.where, layer.folder
    )


def _of_prefix(variables: Any) -> dict[str, str]:
    # An empty variable counts as none: containers and shells pass those on for things that were never set.
    return {
        name: text for name, text in variables if name.startswith(PREFIX) and text != "" and name not in NOT_SETTINGS
    }


def _read_dotenv(path: str) -> dict[str, str]:
    if not os.path.isfile(path):
        return {}
    found = []
    for line in _read(path).decode("utf-8", "replace").splitlines():
        name, equals, text = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            found.append((name.strip(), _unquoted(text.strip())))
    return _of_prefix(found)


def _unquoted(text: str) -> str:
    if text[:1] in {"'", '"'}:
        closing = text.find(text[0], 1)
        return text[1:closing] if closing > 0 else text
    return text.partition(" #")[0].rstrip()


def _project_files(current: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The nearest `levada.toml`, and the nearest `pyproject.toml` with a `[tool.levada]`, up to the project's root."""
    for kind in ("levada.toml", "pyproject.toml"):
        for folder in _folders_of_project(current):
            path = os.path.join(folder, kind)
            if not os.path.isfile(path):
                continue
            content = _read(path)
            if kind == "pyproject.toml":
                # Most projects say nothing about us; they are not made to wait for a TOML parser.
                table = parse_toml(content, path).get("tool", {}).get("levada") if b"levada" in content else None
            else:
                table = parse_toml(content, path)
            if table is not None:
                yield kind, path, table
                break


def _folders_of_project(current: str) -> list[str]:
    """The current directory and those above it up to the project's root: the folder with `.git`, or else the nearest
    one with a `pyproject.toml`. Without either only the current directory counts, so that nobody else's
    file further up (in a shared `/tmp`, say) is taken for ours.
    """  # noqa: D205 - the law is one sentence
    folders = [current]
    nearest_project = 0
    while True:
        folder = folders[-1]
        if os.path.exists(os.path.join(folder, ".git")):
            return folders
        if not nearest_project and os.path.isfile(os.path.join(folder, "pyproject.toml")):
            nearest_project = len(folders)
        above = os.path.dirname(folder)
        if above == folder:
            return folders[: nearest_project or 1]
        folders.append(above)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error


def parse_toml(content: bytes, path: str) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigurationError: it is no TOML.
    """
    import tomllib  # lazy: only where there is a file to parse

    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}.") from error
