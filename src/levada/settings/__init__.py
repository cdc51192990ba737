"""Settings as code asks for them: `get_current_settings()`, and other values for the length of a `with` block.

May import core only. Settings are read when they are first asked for (nothing is read at import) and kept; the
sources, highest first: `temporary_settings`, environment, `.env`, `levada.toml`, `pyproject.toml`, profile, default.
`sources` reads them, `profiles` keeps named sets of them in the home. Reading costs less than a millisecond where
there are no files, and no TOML parser is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from levada.core.errors import ConfigurationError
from levada.core.precedence import Layer, changed, convert
from levada.core.settings import DEFAULT, Settings, by_env, dotted, env_name, setting
from levada.settings.sources import place, read_layers, resolve_layers

if TYPE_CHECKING:
    from levada.settings.profiles import Profile as Profile
    from levada.settings.profiles import ProfilesCollection as ProfilesCollection
    from levada.settings.profiles import load_current_profile as load_current_profile
    from levada.settings.profiles import load_profile as load_profile
    from levada.settings.profiles import load_profiles as load_profiles
    from levada.settings.profiles import save_profiles as save_profiles
    from levada.settings.profiles import update_current_profile as update_current_profile

_FROM_PROFILES = (
    "Profile",
    "ProfilesCollection",
    "load_current_profile",
    "load_profile",
    "load_profiles",
    "save_profiles",
    "update_current_profile",
)

__all__ = [  # noqa: PLE0604 - the names of `profiles` are loaded when asked for
    "NamedSetting",
    "Settings",
    "get_current_settings",
    "refresh_settings",
    "temporary_settings",
    *_FROM_PROFILES,
]

_temporary: ContextVar[Settings | None] = ContextVar("levada_settings", default=None)
_resolved: Settings | None = None


def get_current_settings() -> Settings:
    """The settings that hold here.

    Raises:
        ConfigurationError: a source gives a value that cannot be used, or names a profile that does not exist.
    """
    global _resolved  # noqa: PLW0603 - read once per process, see `refresh_settings`
    override = _temporary.get()
    if override is not None:
        return override
    if _resolved is None:
        _resolved = resolve_layers(read_layers())
    return _resolved


def refresh_settings() -> None:
    """Read environment and files anew when settings are next asked for."""
    global _resolved  # noqa: PLW0603
    _resolved = None


class NamedSetting:
    """One setting, named as in the environment: `LEVADA_API_URL.value()`."""

    __slots__ = ("dotted", "name")

    def __init__(self, name: str) -> None:
        self.dotted = dotted(name)
        self.name = env_name(self.dotted)

    def value(self) -> Any:
        """Its current value."""
        return get_current_settings().value(self.dotted)

    def value_from(self, settings: Settings) -> Any:
        """Its value in the given settings."""
        return settings.value(self.dotted)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedSetting) and other.dotted == self.dotted

    def __hash__(self) -> int:
        return hash(self.dotted)

    def __repr__(self) -> str:
        return self.name


@contextmanager
def temporary_settings(
    updates: Mapping[Any, Any] | None = None,
    set_defaults: Mapping[Any, Any] | None = None,
    restore_defaults: Iterable[Any] | None = None,
) -> Iterator[Settings]:
    """Other settings inside the block, in this context and those copied from it.

    Names are dotted (`tasks.default_retries`), those of the environment (`LEVADA_TASKS_DEFAULT_RETRIES`), or the
    objects of that name in this module.

    Args:
        updates: values to use, whatever other sources say.
        set_defaults: values to use where no source gives one.
        restore_defaults: settings to put back to their defaults, whatever other sources say.

    Raises:
        ConfigurationError: there is no such setting, or a value does not fit.
    """
    before = get_current_settings()
    restored = {_name_of(item) for item in restore_defaults or ()}
    values = {name: setting(name).default for name in restored}
    for name, value in _by_dotted_name(set_defaults or {}):
        if name in restored or before.source(name) == DEFAULT:
            values[name] = value
            restored.discard(name)
    for name, value in _by_dotted_name(updates or {}):
        values[name] = value
        restored.discard(name)
    after = _overlaid(before, values, restored)
    token = _temporary.set(after)
    try:
        yield after
    finally:
        _temporary.reset(token)


def _overlaid(before: Settings, values: Mapping[str, Any], restored: set[str]) -> Settings:
    if "profile" in values:
        raise ConfigurationError(
            "Another profile needs a new process: set LEVADA_PROFILE, or run `levada -p NAME ...`."
        )
    layer = Layer("given", values, "temporary settings")
    converted = {name: convert(name, layer, place) for name in values}
    sources = {name: DEFAULT if name in restored else layer.source(name) for name in values}
    return changed(before, converted, sources)


def _by_dotted_name(updates: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for item, value in updates.items():
        if isinstance(value, Mapping):
            yield from _by_dotted_name(value, f"{prefix}{item}.")
        else:
            yield _name_of(f"{prefix}{item}" if isinstance(item, str) else item), value


def _name_of(item: Any) -> str:
    return item.dotted if isinstance(item, NamedSetting) else dotted(item)


def __getattr__(name: str) -> Any:
    """The settings by the names of their environment variables, and what `profiles` offers, loaded when asked for."""
    if name in by_env():
        return NamedSetting(name)
    if name in _FROM_PROFILES:
        from levada.settings import profiles  # lazy: few programs look at profiles

        return getattr(profiles, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
