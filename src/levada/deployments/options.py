"""What authors write of a deployment, made into the values that the control plane understands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, get_args

import msgspec

from levada.core.errors import ConfigurationError, ParameterTypeError
from levada.wire.deployments import CollisionStrategy, EnvironmentSpec, Needs

_SIZES = {"": 1, "B": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
_SIZES |= {f"{unit}B": size for unit, size in _SIZES.items() if unit not in {"", "B"}}
_SIZES |= {f"{unit}i": 1024**power for power, unit in enumerate("KMGT", 1)}
_SIZES |= {f"{unit}iB": 1024**power for power, unit in enumerate("KMGT", 1)}
_SIZE = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*")


class ConcurrencyLimitStrategy(StrEnum):
    """What becomes of a run that finds its deployment's concurrency limit full."""

    ENQUEUE = "queue"
    CANCEL_NEW = "cancel_new"
    CANCEL_RUNNING = "cancel_running"
    COALESCE_LATEST = "coalesce_latest"


_STRATEGIES: dict[str, CollisionStrategy] = {name: name for name in get_args(CollisionStrategy)}
_STRATEGIES |= {"enqueue": "queue", "skip": "cancel_new"}


class ConcurrencyLimitConfig(msgspec.Struct, forbid_unknown_fields=True):
    """How many runs of a deployment may execute at once, and what becomes of one that finds it full.

    Attributes:
        limit: runs.
        collision_strategy: ``queue`` (also written ``ENQUEUE``), ``cancel_new``, ``cancel_running`` or
            ``coalesce_latest``.
        grace_period_seconds: not looked at: what a run holds is given back when it ends or its process is gone.
    """

    limit: int
    collision_strategy: str = "queue"
    grace_period_seconds: float | None = None


def concurrency(given: Any) -> tuple[int | None, CollisionStrategy]:
    """Limit and strategy from a number, a `ConcurrencyLimitConfig`, or a dict of its fields.

    Raises:
        ConfigurationError: it is none of these, or a value cannot be used.
    """
    if given is None:
        return None, "queue"
    if isinstance(given, int) and not isinstance(given, bool):
        return _limit(given), "queue"
    if isinstance(given, Mapping):
        try:
            given = msgspec.convert(dict(given), ConcurrencyLimitConfig)
        except msgspec.ValidationError as error:
            raise ConfigurationError(f"`concurrency_limit`: {error}") from error
    limit = getattr(given, "limit", None)
    if type(limit) is not int:
        raise ConfigurationError(
            f"`concurrency_limit` is a number, or a ConcurrencyLimitConfig with a limit; got {given!r}."
        )
    return _limit(limit), strategy(getattr(given, "collision_strategy", "queue"))


def strategy(given: Any) -> CollisionStrategy:
    """A collision strategy by any of its names.

    Raises:
        ConfigurationError: there is no such strategy.
    """
    name = str(getattr(given, "value", given)).lower().replace("-", "_")
    if name not in _STRATEGIES:
        raise ConfigurationError(
            f"There is no collision strategy {given!r}; there are: {', '.join(get_args(CollisionStrategy))}."
        )
    return _STRATEGIES[name]


def _limit(limit: int) -> int:
    if limit < 1:
        raise ConfigurationError(f"`concurrency_limit` is 1 or more; got {limit}. To stop a deployment, pause it.")
    return limit


def needs(
    cpu: float = 0.0, memory: int | str = 0, gpu: float = 0.0, labels: Iterable[str] | Mapping[str, str] = ()
) -> Needs:
    """What a worker must have free to take a run of a deployment.

    Args:
        cpu: cores.
        memory: bytes, or text such as ``"2GiB"``.
        gpu: devices.
        labels: ``name`` or ``name=value``, or a dict of them; the worker must offer each.

    Raises:
        ConfigurationError: a value cannot be used.
    """
    if cpu < 0 or gpu < 0:
        raise ConfigurationError("`needs`: cpu and gpu are 0 or more.")
    if isinstance(labels, str):
        raise ConfigurationError(f"`needs`: labels are a list; got the text {labels!r}.")
    named = [f"{key}={value}" for key, value in labels.items()] if isinstance(labels, Mapping) else list(labels)
    return Needs(cpu=float(cpu), memory=byte_size(memory), gpu=float(gpu), labels=tuple(named))


def as_needs(given: Any) -> Needs:
    """`Needs` from itself or from a dict of the arguments of `needs`.

    Raises:
        ConfigurationError: it is neither.
    """
    if given is None:
        return Needs()
    if isinstance(given, Needs):
        return given
    if isinstance(given, Mapping):
        try:
            return needs(**given)
        except TypeError as error:
            raise ConfigurationError(f"`needs` has cpu, memory, gpu and labels; got {dict(given)!r}.") from error
    raise ConfigurationError(f"`needs` is made by `needs(cpu=…, memory=…)`; got {given!r}.")


def byte_size(given: int | str) -> int:
    """A number of bytes from a number or from text such as ``512MiB`` or ``2 GB``.

    Raises:
        ConfigurationError: the text is no size.
    """
    if isinstance(given, int):
        if given < 0:
            raise ConfigurationError(f"A size is 0 or more; got {given}.")
        return given
    match = _SIZE.fullmatch(str(given))
    unit = None if match is None else next((key for key in _SIZES if key.lower() == match[2].lower()), None)
    if match is None or unit is None:
        raise ConfigurationError(f"{given!r} is no size; write a number of bytes, or e.g. 512MiB or 2GiB.")
    return int(float(match[1]) * _SIZES[unit])


def as_environment(given: Any) -> EnvironmentSpec | None:
    """The Python environment that runs get, from any of the ways to write one.

    Args:
        given: an `EnvironmentSpec`, a dict of its fields, a list of requirement lines, the name of a requirements
            file, a lock file or a ``pyproject.toml``, or a folder that holds one; None for the worker's own.

    Raises:
        ConfigurationError: it is none of these.
    """
    if given is None or isinstance(given, EnvironmentSpec):
        spec = given
    elif isinstance(given, str):
        spec = _environment_file(given)
    elif isinstance(given, Mapping):
        fields = dict(given)
        if isinstance(fields.get("requirements"), str):
            fields["requirements_file"] = fields.pop("requirements")
        try:
            spec = msgspec.convert(fields, EnvironmentSpec)
        except msgspec.ValidationError as error:
            raise ConfigurationError(f"`environment`: {error}") from error
    elif isinstance(given, Sequence) and all(isinstance(line, str) for line in given):
        spec = EnvironmentSpec(requirements=list(given))
    else:
        raise ConfigurationError(f"`environment` is a list of requirements or the name of a file; got {given!r}.")
    if spec is not None:
        said = [spec.requirements, spec.requirements_file, spec.pyproject, spec.lock]
        if sum(bool(way) for way in said) != 1:
            raise ConfigurationError(
                "`environment` says in exactly one way what is in it: requirements, requirements_file, pyproject or "
                "lock."
            )
    return spec


def _environment_file(name: str) -> EnvironmentSpec:
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    if last.endswith(".lock") or (last.startswith("pylock") and last.endswith(".toml")):
        return EnvironmentSpec(lock=name)
    if last == "pyproject.toml" or "." not in last.lstrip("."):
        return EnvironmentSpec(pyproject=name.removesuffix("pyproject.toml").rstrip("/") or ".")
    if last.endswith((".txt", ".in")):
        return EnvironmentSpec(requirements_file=name)
    raise ConfigurationError(
        f"`environment` {name!r} is neither requirements (.txt), nor pyproject.toml, nor a lock file (uv.lock, "
        "pylock.toml). A single requirement is written in a list."
    )


def json_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON holds them, which is how they reach a process that is not there yet.

    Raises:
        ParameterTypeError: JSON cannot hold one, or it is a secret, which would be stored for all to read.
    """
    from levada.validation import holds_secret, strictly_jsonable  # lazy: pydantic is loaded when first needed

    made: dict[str, Any] = {}
    for name, value in parameters.items():
        if holds_secret(value):
            raise ParameterTypeError(
                f"Parameter {name!r} is a secret, and parameters of deployments are stored where others read them. "
                "Have the flow read it from its environment."
            )
        try:
            made[name] = strictly_jsonable(value)
        except ValueError as error:
            raise ParameterTypeError(
                f"Parameter {name!r} is a {type(value).__name__}, which JSON cannot hold: {error}"
            ) from error
    return made
