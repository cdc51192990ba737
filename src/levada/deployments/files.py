"""A deployment in a file: ``levada deployment build`` writes it, people edit it, ``deployment apply`` reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

from levada.core.errors import ConfigurationError
from levada.deployments.deployment import Deployment, deployment_name
from levada.deployments.options import as_environment, as_needs, concurrency, strategy
from levada.deployments.timing import as_spec

_HEAD = """\
# A deployment of Levada. Edit what you like, then:
#   levada deployment apply {name}
# Fields: {reference}
"""
_REFERENCE = "name, flow_name, entrypoint, path, pull, schedules, parameters, work_pool_name, and more; see the docs"
_OLDER = {
    "infra_overrides": "job_variables",
    "parameter_openapi_schema": "parameter_schema",
    "pull_steps": "pull",
    "storage": None,
    "infrastructure": None,
    "infra": None,
    "manifest_path": None,
    "timestamp": None,
    "triggers": None,
}
"""Names of fields in files of older programs; None: they mean nothing here."""


def write_file(deployment: Deployment, path: Path) -> None:
    """Write a deployment to a file; what has its default is left out."""
    fields: dict[str, Any] = {"name": deployment.name, "flow_name": deployment.flow_name}
    for name in Deployment.__dataclass_fields__:
        value = getattr(deployment, name)
        if name in {"name", "flow_name", "storage", "collision_strategy", "concurrency_limit"}:
            continue
        if value is None or value in ([], {}, "") or (name, value) in _PLAIN:
            continue
        fields[name] = msgspec.to_builtins(value, str_keys=True, order="deterministic")
    if deployment.concurrency_limit is not None:
        fields["concurrency_limit"] = {
            "limit": deployment.concurrency_limit,
            "collision_strategy": deployment.collision_strategy,
        }
    if deployment.schedules is not None:
        fields["schedules"] = [_readable(msgspec.to_builtins(one)) for one in deployment.schedules]
    step = None if deployment.storage is None else deployment.storage.to_pull_step()
    if deployment.pull is None and step is not None:
        fields["pull"] = [step]
    if not fields.get("needs"):
        fields.pop("needs", None)
    if "parameter_schema" in fields:  # what nobody edits stands last
        fields["parameter_schema"] = fields.pop("parameter_schema")
    text = _HEAD.format(name=path.name, reference=_REFERENCE) + yaml.safe_dump(
        fields, sort_keys=False, allow_unicode=True
    )
    path.write_text(text, encoding="utf-8")


_PLAIN = [("enforce_parameter_schema", True), ("priority", 0), ("weight", 1.0)]


def read_file(path: Path) -> Deployment:
    """Read a deployment from a file.

    Raises:
        ConfigurationError: it cannot be read, or a field cannot be used; the message names file and field.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path} holds no deployment: a file of names and values is expected.")
    try:
        return _deployment(found)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def _deployment(found: dict[str, Any]) -> Deployment:
    fields = {str(name): value for name, value in found.items() if value is not None}
    for older, name in _OLDER.items():
        value = fields.pop(older, None)
        if name is not None and value is not None:
            fields.setdefault(name, value)
    active = fields.pop("is_schedule_active", None)
    schedule = fields.pop("schedule", None)
    if schedule is not None:
        fields.setdefault("schedules", [schedule])
    unknown = set(fields) - set(Deployment.__dataclass_fields__)
    if unknown:
        raise ConfigurationError(
            f"there is no field {min(unknown)!r}; fields: {', '.join(Deployment.__dataclass_fields__)}."
        )
    for name in ("name", "flow_name", "entrypoint"):
        if not isinstance(fields.get(name), str):
            raise ConfigurationError(f"`{name}` is missing, or no text.")
    limit, collision = concurrency(fields.get("concurrency_limit"))
    if "schedules" in fields:
        fields["schedules"] = [as_spec(one) for one in fields["schedules"]]
        if active is False:
            fields["schedules"] = [msgspec.structs.replace(one, active=False) for one in fields["schedules"]]
    fields |= {
        "name": deployment_name(fields["name"]),
        "concurrency_limit": limit,
        "collision_strategy": strategy(fields.get("collision_strategy", collision)),
        "environment": as_environment(fields.get("environment")),
        "needs": as_needs(fields.get("needs")),
    }
    return Deployment(**fields)


def _readable(spec: dict[str, Any]) -> dict[str, Any]:
    """A schedule as people write it: the rule's fields beside the others."""
    timing = dict(spec.pop("timing"))
    timing.pop("kind", None)
    if "seconds" in timing:
        timing["interval"] = timing.pop("seconds")
    if "anchor" in timing:
        timing["anchor_date"] = timing.pop("anchor")
    return {**timing, **spec}
