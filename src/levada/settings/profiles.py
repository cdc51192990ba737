"""Profiles: named sets of settings in the home, of which one is active.

They stand in `profiles.toml`::

    active = "staging"

    [profiles.staging]
    api.url = "http://staging:4200/api"
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from levada.core.errors import ConfigurationError, MissingProfileError, ProfileSettingsValidationError
from levada.core.precedence import Layer, convert, flattened, problems, read_text
from levada.core.settings import NOT_IN_PROFILES, Source, dotted, names, setting
from levada.settings.sources import current_home, parse_toml, place

_HEADER = "# Written by `levada profile` and `levada config set`; comments are not kept.\n"


class Profile(Struct, frozen=True):
    """A named set of settings.

    Attributes:
        name: what it is called.
        settings: dotted name to value. Names that are no settings are kept as they are.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    def validate_settings(self) -> None:
        """Check every value.

        Raises:
            ProfileSettingsValidationError: at least one does not fit; the message has a line for each.
        """
        known = {name: value for name, value in self.settings.items() if name in names()}
        found = problems(Layer("profile", known, self.name), place)
        if found:
            raise ProfileSettingsValidationError("\n".join(found))


class ProfilesCollection(Struct, frozen=True):
    """All profiles of a home, by name, and which one is active."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    active: str | None = None

    def __getitem__(self, name: str) -> Profile:
        found = self.profiles.get(name)
        if found is None:
            there_are = ", ".join(sorted(self.profiles)) or "none"
            raise MissingProfileError(f"There is no profile {name!r}. Profiles in this home: {there_are}.")
        return found

    def __contains__(self, name: object) -> bool:
        return name in self.profiles

    @property
    def names(self) -> set[str]:
        """What the profiles are called."""
        return set(self.profiles)

    @property
    def active_profile(self) -> Profile | None:
        """The active profile, if there is one."""
        return self.profiles.get(self.active) if self.active is not None else None

    def with_profile(self, profile: Profile) -> ProfilesCollection:
        """The collection with this profile added, or put in place of the one of its name."""
        return replace(self, profiles={**self.profiles, profile.name: profile})

    def without_profile(self, name: str) -> ProfilesCollection:
        """The collection without this profile; if it was active, none is.

        Raises:
            MissingProfileError: there is no such profile.
        """
        _ = self[name]
        rest = {key: profile for key, profile in self.profiles.items() if key != name}
        return ProfilesCollection(rest, None if self.active == name else self.active)

    def using(self, name: str | None) -> ProfilesCollection:
        """The collection with this profile active.

        Raises:
            MissingProfileError: there is no such profile.
        """
        if name is not None:
            _ = self[name]
        return replace(self, active=name)


def load_profiles(home: Path | None = None) -> ProfilesCollection:
    """The profiles of the home; none where there is no file yet.

    Raises:
        ConfigurationError: the file cannot be read or is no TOML.
    """
    path = (home or current_home()) / "profiles.toml"
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return ProfilesCollection()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    tables = parse_toml(content, str(path))
    profiles = {}
    for name, table in tables.get("profiles", {}).items():
        if not isinstance(table, Mapping):
            raise ConfigurationError(f"{path}: profile {name!r} must be a table: [profiles.{name}].")
        known, unknown = flattened(table)
        profiles[name] = Profile(name, {**known, **unknown})
    return ProfilesCollection(profiles, tables.get("active"))


def load_profile(name: str) -> Profile:
    """One profile.

    Raises:
        MissingProfileError: there is no such profile.
    """
    return load_profiles()[name]


def load_current_profile() -> Profile | None:
    """The profile that holds here: the one that was asked for, or the active one."""
    from levada.settings import get_current_settings  # lazy: the front door loads this module late, too

    asked = get_current_settings().profile
    return load_profile(asked) if asked is not None else load_profiles().active_profile


def update_current_profile(updates: Mapping[str, Any]) -> Profile:
    """Change settings of the profile that holds here; where there is none, `default` is made and becomes active.

    Args:
        updates: dotted or environment names to values; None takes the setting out of the profile.

    Raises:
        ConfigurationError: there is no such setting, or a value does not fit.
    """
    current = load_current_profile() or Profile("default")
    values = dict(current.settings)
    for given, value in updates.items():
        name = dotted(given)
        if value is None:
            values.pop(name, None)
        else:
            values[name] = checked(name, value, current.name)
    changed = Profile(current.name, values)
    profiles = load_profiles().with_profile(changed)
    save_profiles(profiles if profiles.active is not None else profiles.using(changed.name))
    return changed


def checked(name: str, value: Any, profile: str) -> Any:
    """A value as it is to stand in a profile: of its own type rather than text, paths absolute.

    Raises:
        ConfigurationError: it does not fit.
    """
    fitting = convert(name, Layer("profile", {name: value}, profile), place)
    return str(fitting) if isinstance(fitting, Path) else read_text(value, setting(name).hint)


def save_profiles(profiles: ProfilesCollection, home: Path | None = None) -> None:
    """Write the profiles of the home, all at once; only their owner may read them, for they may hold keys.

    Raises:
        ConfigurationError: the home cannot be written.
    """
    folder = home or current_home()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / "profiles.toml", _as_toml(profiles))
    except OSError as error:
        raise ConfigurationError(f"Profiles cannot be written to {folder}: {error.strerror}.") from error


def _replace(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".profiles-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def profile_layer(home: Path, asked: str | None, source: Source) -> tuple[Layer | None, list[str]]:
    """The settings of the profile that is asked for or active, and the names in it that are no settings.

    Raises:
        MissingProfileError: the profile that is asked for does not exist.
    """
    profiles = load_profiles(home)
    if asked is not None and asked not in profiles:
        there_are = ", ".join(sorted(profiles.names)) or "none"
        raise MissingProfileError(f"There is no profile {asked!r} (from {source}). Profiles in {home}: {there_are}.")
    profile = profiles[asked] if asked is not None else profiles.active_profile
    if profile is None:
        return None, []
    known = {name: value for name, value in profile.settings.items() if name in names()}
    layer = Layer("profile", known, profile.name, str(home))
    for name in NOT_IN_PROFILES & known.keys():
        convert(name, layer, place)  # raises, even where another source would win
    return layer, [name for name in profile.settings if name not in known]


def _as_toml(profiles: ProfilesCollection) -> str:
    lines = [_HEADER]
    if profiles.active is not None:
        lines.append(f"active = {_toml_value(profiles.active)}\n")
    for profile in profiles.profiles.values():
        lines.append(f"\n[profiles.{_toml_key(profile.name)}]\n")
        lines += [f"{_toml_key(*name.split('.'))} = {_toml_value(value)}\n" for name, value in profile.settings.items()]
    return "".join(lines)


def _toml_key(*parts: str) -> str:
    return ".".join(
        part if part and all(c.isascii() and (c.isalnum() or c in "-_") for c in part) else _toml_value(part)
        for part in parts
    )


def _toml_value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case list() | tuple():
            return "[" + ", ".join(_toml_value(item) for item in value) + "]"
        case _:
            # JSON's escapes are TOML's; DEL is the one character that TOML wants escaped and JSON does not.
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
