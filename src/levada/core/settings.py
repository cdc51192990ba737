"""What can be set: one typed model of every setting.

The environment names, the command `levada config` and the reference page are made from it. A setting is named by its
dotted path (`tasks.default_retries`); its environment variable is `LEVADA_` and that path in capitals
(`LEVADA_TASKS_DEFAULT_RETRIES`). Nothing here reads a file or the environment: `levada.core.precedence` is the law of
which source wins, `levada.settings` reads the sources.
"""

from __future__ import annotations

import types
import typing
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from levada.core.errors import ConfigurationError

PREFIX = "LEVADA_"
NOT_SETTINGS = frozenset({"LEVADA_FAULT", "LEVADA_CHAOS"})
"""Environment variables of ours that choose what tests do and are no settings."""

_AtLeastOne = Annotated[int, Meta(ge=1)]
_Seconds = Annotated[float, Meta(ge=0)]


class ApiSettings(Struct, frozen=True):
    """Where the control plane is, and how it is talked to."""

    url: Annotated[
        str | None,
        Meta(
            description="Address of a Levada server, e.g. `http://127.0.0.1:4200/api`. Unset: runs are recorded in the "
            "home, and nothing else needs to run."
        ),
    ] = None
    key: Annotated[str | None, Meta(description="Key that the server knows us by.", extra={"secret": True})] = None
    auth_string: Annotated[
        str | None,
        Meta(
            description="`user:password` for a server that is guarded by one password instead of keys.",
            extra={"secret": True},
        ),
    ] = None
    request_timeout: Annotated[
        float, Meta(gt=0, description="Seconds after which a request that got no answer is given up.")
    ] = 60.0
    max_retries: Annotated[
        int, Meta(ge=0, description="How often a request is sent again when the server is away or busy.")
    ] = 5


class ServerSettings(Struct, frozen=True):
    """How `levada server` serves."""

    host: Annotated[
        str,
        Meta(description="Address to listen on. Beyond this machine it needs `server.auth_string` or API keys."),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on.")] = 4200
    workers: Annotated[_AtLeastOne, Meta(description="Processes that answer requests; several need PostgreSQL.")] = 1
    auth: Annotated[
        Literal["auto", "required", "off"],
        Meta(
            description="Who may ask: `required` demands an API key or the password, `off` asks nobody, `auto` demands "
            "one when there is a password or a key."
        ),
    ] = "auto"
    auth_string: Annotated[
        str | None,
        Meta(description="`user:password` that opens the whole server.", extra={"secret": True}),
    ] = None
    allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(description="Names by which the server may be asked, beside its own address; against DNS rebinding."),
    ] = ()
    cors_origins: Annotated[
        tuple[str, ...], Meta(description="Web origins whose pages may ask. Unset: none but the server's own.")
    ] = ()
    max_body_bytes: Annotated[int, Meta(ge=1024, description="Largest request body, in bytes.")] = 32 * 1024 * 1024
    max_page_size: Annotated[_AtLeastOne, Meta(description="Most items of one page of a list.")] = 1000
    concurrent_reads: Annotated[
        _AtLeastOne, Meta(description="How many lists, counts and graphs are read at once; others wait in line.")
    ] = 2


class DatabaseSettings(Struct, frozen=True):
    """The database of a server."""

    url: Annotated[
        str | None,
        Meta(
            description="`postgresql://user:password@host/name`. Unset: SQLite in the home.",
            extra={"secret": True},
        ),
    ] = None
    pool_size: Annotated[_AtLeastOne, Meta(description="Connections for ingest, state changes and services.")] = 8
    read_pool_size: Annotated[_AtLeastOne, Meta(description="Connections for lists, counts and graphs.")] = 4
    connect_timeout: Annotated[float, Meta(gt=0, description="Seconds to wait for a connection.")] = 5.0
    read_timeout: Annotated[
        float, Meta(gt=0, description="Seconds after which PostgreSQL gives up a list, count or graph.")
    ] = 10.0
    prepared_statements: Annotated[
        bool, Meta(description="Whether statements are prepared; switch off behind PgBouncer in transaction mode.")
    ] = True
    upgrade_on_start: Annotated[bool, Meta(description="Bring the schema up to date when a server starts.")] = True


class LeaseSettings(Struct, frozen=True):
    """When a process that reports to a server counts as gone."""

    seconds: Annotated[
        float,
        Meta(ge=2, description="Seconds of silence after which the open runs of a process become Crashed."),
    ] = 20.0
    renew_seconds: Annotated[
        float, Meta(gt=0, description="Seconds between two signs of life of a process that records nothing.")
    ] = 5.0


class RetentionSettings(Struct, frozen=True):
    """How long a server keeps things; runs that have not ended are always kept."""

    enabled: Annotated[bool, Meta(description="Whether a server removes what is old.")] = True
    runs_days: Annotated[float, Meta(gt=0, description="Days to keep completed and cancelled runs.")] = 90.0
    failed_runs_days: Annotated[float, Meta(gt=0, description="Days to keep failed and crashed runs.")] = 180.0
    logs_days: Annotated[float, Meta(gt=0, description="Days to keep lines of log.")] = 30.0
    events_days: Annotated[float, Meta(gt=0, description="Days to keep events.")] = 30.0


class ServiceSettings(Struct, frozen=True):
    """The loops that a server runs beside answering."""

    late_after_seconds: Annotated[
        float, Meta(ge=0, description="Seconds after its time at which a scheduled run that did not start is Late.")
    ] = 15.0
    disabled: Annotated[
        tuple[str, ...], Meta(description="Names of services not to run here; see `levada server services ls`.")
    ] = ()


class ResultSettings(Struct, frozen=True):
    """What happens to the values that tasks and flows return."""

    persist_by_default: Annotated[
        bool, Meta(description="Whether results of flows and tasks that say nothing are kept in result storage.")
    ] = False
    default_serializer: Annotated[
        str,
        Meta(description="How results become bytes unless flow or task say otherwise, e.g. `pickle`, `json`."),
    ] = "pickle"
    local_storage_path: Annotated[
        Path | None, Meta(description="Folder of the local result storage. Unset: `storage` in the home.")
    ] = None
    inline_bytes: Annotated[
        int, Meta(ge=0, description="Results of up to this many bytes stand in the journal itself.")
    ] = 8192
    max_automatic_bytes: Annotated[
        int,
        Meta(
            ge=0,
            description="Results above this many bytes are kept only where persistence was asked for; a resumed run "
            "computes them again.",
        ),
    ] = 64 * 1024 * 1024


class RunnerSettings(Struct, frozen=True):
    """How many submitted tasks run at once."""

    thread_pool_max_workers: Annotated[
        _AtLeastOne | None, Meta(description="Threads of a `ThreadPoolTaskRunner` that does not say how many.")
    ] = None
    process_pool_max_workers: Annotated[
        _AtLeastOne | None,
        Meta(
            description="Processes of a `ProcessPoolTaskRunner` that does not say how many. Unset: one per processor."
        ),
    ] = None


class TaskSettings(Struct, frozen=True):
    """Defaults of tasks that do not say otherwise."""

    default_retries: Annotated[int, Meta(ge=0, description="How often a failed task is tried again.")] = 0
    default_retry_delay_seconds: Annotated[
        _Seconds | list[_Seconds],
        Meta(description="Seconds before a task is tried again; a list gives one for each retry."),
    ] = 0.0
    default_persist_result: Annotated[
        bool | None,
        Meta(description="Whether results of tasks are kept. Unset: as the flow, then `results.persist_by_default`."),
    ] = None
    refresh_cache: Annotated[
        bool, Meta(description="Run tasks although a cached result exists, and replace that result.")
    ] = False
    disable_caching: Annotated[bool, Meta(description="Neither read nor write cached results.")] = False
    default_no_cache: Annotated[
        bool, Meta(description="Tasks without a cache policy are not cached, even when their result is kept.")
    ] = False
    runner: RunnerSettings = RunnerSettings()


class FlowSettings(Struct, frozen=True):
    """Defaults of flows that do not say otherwise."""

    default_retries: Annotated[int, Meta(ge=0, description="How often a failed flow is run again.")] = 0
    default_retry_delay_seconds: Annotated[
        _Seconds | list[_Seconds],
        Meta(description="Seconds before a flow is run again; a list gives one for each retry."),
    ] = 0.0
    retry_reuses_results: Annotated[
        bool,
        Meta(
            description="Whether a flow that is run again takes the results of tasks that completed before, as a "
            "resumed run does, instead of running them again."
        ),
    ] = True
    leftovers: Annotated[
        Literal["wait", "cancel"],
        Meta(description="What happens to submitted tasks that nobody waited for when their flow returns."),
    ] = "wait"


class JournalSettings(Struct, frozen=True):
    """How runs are recorded."""

    durability: Annotated[
        Literal["buffered", "fsync", "acknowledged"],
        Meta(
            description="When a step counts as recorded: `buffered` survives the death of the process, `fsync` also "
            "the loss of power; `acknowledged` waits for a server, and is `fsync` where there is none."
        ),
    ] = "buffered"
    segment_bytes: Annotated[
        int, Meta(ge=4096, description="Size in bytes at which a journal goes on in a new file.")
    ] = 8 * 1024 * 1024
    flush_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="How long a process that reports to a server waits at its end until the server has everything. "
            "What is left then is sent by the next process of this home, or by `levada journal ship`.",
        ),
    ] = 10.0


class LoggingSettings(Struct, frozen=True):
    """What is logged, and where it is shown."""

    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
        Meta(description="Lines below this level are neither recorded nor shown."),
    ] = "INFO"
    extra_loggers: Annotated[
        tuple[str, ...], Meta(description="Other loggers whose lines belong to the run in which they are written.")
    ] = ()
    log_prints: Annotated[bool, Meta(description="Record what flows and tasks print as log lines.")] = False
    to_console: Annotated[bool, Meta(description="Show log lines on standard error as they are recorded.")] = True
    colors: Annotated[bool, Meta(description="Colour log lines on a terminal.")] = True


class CliSettings(Struct, frozen=True):
    """How the command and the terminal look."""

    progress: Annotated[bool, Meta(description="Show progress bars for mapped work on a terminal.")] = True
    colors: Annotated[bool, Meta(description="Use colours on a terminal.")] = True
    prompt: Annotated[
        bool | None,
        Meta(description="Ask before something is destroyed. Unset: ask when there is a terminal to ask on."),
    ] = None


class ConcurrencySettings(Struct, frozen=True):
    """How concurrency limits behave."""

    strict: Annotated[
        bool, Meta(description="Asking for slots of a limit that does not exist is an error, not a free pass.")
    ] = True
    lease_seconds: Annotated[
        float,
        Meta(ge=1, description="Seconds after which slots of a holder that went silent are free again."),
    ] = 300.0


class Source(Struct, frozen=True):
    """Where a value comes from.

    Attributes:
        kind: `given`, `environment`, `.env`, `levada.toml`, `pyproject.toml`, `profile` or `default`.
        where: the file, variable or profile, if any.
    """

    kind: str
    where: str | None = None

    def __str__(self) -> str:
        match self.kind:
            case "environment":
                return f"environment variable {self.where}"
            case "profile":
                return f"profile {self.where!r}"
            case "given":
                return self.where or "given in code"
            case "default":
                return "default"
            case _:
                return self.where or self.kind


DEFAULT = Source("default")


class Settings(Struct, frozen=True):
    """Everything that can be set, with the source of each value that is not a default."""

    home: Annotated[Path, Meta(description="Folder of journals, results, profiles and the embedded database.")] = Path(
        "~/.levada"
    )
    profile: Annotated[
        str | None, Meta(description="Profile to take settings from. Unset: the active one of `profiles.toml`.")
    ] = None
    debug_mode: Annotated[
        bool, Meta(description="Log everything (`logging.level` counts as DEBUG) and show our own tracebacks.")
    ] = False
    api: ApiSettings = ApiSettings()
    results: ResultSettings = ResultSettings()
    tasks: TaskSettings = TaskSettings()
    flows: FlowSettings = FlowSettings()
    journal: JournalSettings = JournalSettings()
    logging: LoggingSettings = LoggingSettings()
    cli: CliSettings = CliSettings()
    concurrency: ConcurrencySettings = ConcurrencySettings()
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    leases: LeaseSettings = LeaseSettings()
    retention: RetentionSettings = RetentionSettings()
    services: ServiceSettings = ServiceSettings()
    sources: dict[str, Source] = {}

    def value(self, name: str) -> Any:
        """The value of one setting.

        Args:
            name: dotted path or environment name.

        Raises:
            ConfigurationError: there is no such setting.
        """
        found: Any = self
        for part in dotted(name).split("."):
            found = getattr(found, part)
        return found

    def source(self, name: str) -> Source:
        """Where the value of one setting comes from.

        Raises:
            ConfigurationError: there is no such setting.
        """
        return self.sources.get(dotted(name), DEFAULT)

    @property
    def storage_path(self) -> Path:
        """Folder of the local result storage."""
        return self.results.local_storage_path or self.home / "storage"


NOT_IN_PROFILES = frozenset({"home", "profile"})
"""These say where profiles are and which one counts, so no profile can set them."""


class Setting(Struct, frozen=True):
    """One setting, as the command and the reference page show it."""

    name: str
    hint: Any
    default: Any

    @property
    def env(self) -> str:
        """Its environment variable."""
        return env_name(self.name)

    @property
    def description(self) -> str:
        """What it does, for people."""
        return next((meta.description for meta in _metas(self.hint) if meta.description), "")

    @property
    def secret(self) -> bool:
        """Whether its value is hidden where it is shown."""
        return any((meta.extra or {}).get("secret", False) for meta in _metas(self.hint))

    @property
    def allowed(self) -> str:
        """Which values it takes, for people."""
        return _describe(self.hint)


def env_name(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper().replace(".", "_")


@cache
def names() -> dict[str, str]:
    """Every dotted name, with its environment variable, in the order of the model."""
    return {name: env_name(name) for name in _leaves(Settings(), "")}


@cache
def by_env() -> dict[str, str]:
    """The dotted name of every environment variable."""
    return {env: name for name, env in names().items()}


def _leaves(group: Struct, prefix: str) -> list[str]:
    found = []
    for field in group.__struct_fields__:
        default = getattr(group, field)
        if isinstance(default, Struct):
            found += _leaves(default, f"{prefix}{field}.")
        elif prefix or field != "sources":
            found.append(prefix + field)
    return found


def dotted(name: str) -> str:
    """The dotted name of a setting given by dotted or environment name.

    Raises:
        ConfigurationError: there is no such setting.
    """
    if name in names():
        return name
    found = by_env().get(name.upper())
    if found is None:
        raise ConfigurationError(f"There is no setting {name!r}.{suggestion(name)}")
    return found


def suggestion(name: str) -> str:
    """A sentence that names the setting which was probably meant, or nothing."""
    import difflib  # lazy: only misspelt names need it

    as_env = name.upper().startswith(PREFIX)
    close = difflib.get_close_matches(name.upper() if as_env else name, by_env() if as_env else names(), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


@cache
def setting(name: str) -> Setting:
    """One setting of the model, by its dotted name."""
    group: Any = Settings()
    *path, field = name.split(".")
    for part in path:
        group = getattr(group, part)
    return Setting(name, _hints(group.__class__)[field], getattr(group, field))


@cache
def _hints(group: type[Struct]) -> dict[str, Any]:
    return typing.get_type_hints(group, include_extras=True)


def catalogue() -> list[Setting]:
    """Every setting, in the order of the model."""
    return [setting(name) for name in names()]


def group_of(name: str) -> str:
    """The group that a setting stands in, empty for those at the top."""
    return name.rpartition(".")[0]


def group_description(group: str) -> str:
    """What a group of settings is about, for people."""
    found: Any = Settings()
    for part in group.split(".") if group else ():
        found = getattr(found, part)
    return (type(found).__doc__ or "").splitlines()[0]


def alternatives(hint: Any) -> tuple[Any, ...]:
    """The types that a hint allows besides None."""
    inner = bare(hint)
    if typing.get_origin(inner) in {typing.Union, types.UnionType}:
        return tuple(item for item in typing.get_args(inner) if item is not type(None))
    return (hint,)


def bare(hint: Any) -> Any:
    """A type without its annotations."""
    return hint.__origin__ if typing.get_origin(hint) is Annotated else hint


def _describe(hint: Any) -> str:
    return " or ".join(_describe_kind(bare(kind), _metas(kind)) for kind in alternatives(hint))


def _metas(hint: Any) -> list[Meta]:
    return [item for item in getattr(hint, "__metadata__", ()) if isinstance(item, Meta)]


def _describe_kind(kind: Any, metas: list[Meta]) -> str:
    origin = typing.get_origin(kind)
    if origin is Literal:
        return "one of " + ", ".join(str(choice) for choice in typing.get_args(kind))
    if origin in {list, tuple}:
        item = "numbers" if bare(typing.get_args(kind)[0]) is float else "texts"
        return f"a list of {item} (separated by commas in the environment)"
    bounds = "".join(
        f" {word} {_number(bound)}"
        for meta in metas
        for word, bound in (("of at least", meta.ge), ("above", meta.gt), ("of at most", meta.le))
        if bound is not None
    )
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}
    return words[kind] + bounds


def _number(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else str(bound)
