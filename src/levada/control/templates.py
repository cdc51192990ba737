"""Job configurations: what a pool's template makes of the variables of a deployment and a run.

Later ones win: the defaults of the template's variables, the deployment's, the run's own. Tables named `env` and
`labels` are merged key by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from levada.core.templates import MISSING, fill
from levada.wire.pools import PoolSpec

_MERGED: Final = ("env", "labels")

_TEXT_OR_NONE: Final = [{"type": "string"}, {"type": "null"}]

PROCESS_TEMPLATE: Final[dict[str, Any]] = {
    "variables": {
        "type": "object",
        "properties": {
            "name": {
                "title": "Name",
                "description": "What the process is called; the run's name unless given.",
                "anyOf": _TEXT_OR_NONE,
                "default": None,
            },
            "env": {
                "title": "Environment variables",
                "description": "For the run's process, over those of the worker.",
                "type": "object",
                "additionalProperties": {"anyOf": _TEXT_OR_NONE},
                "default": {},
            },
            "labels": {
                "title": "Labels",
                "description": "For whoever looks at the process.",
                "type": "object",
                "additionalProperties": {"type": "string"},
                "default": {},
            },
            "command": {
                "title": "Command",
                "description": "In place of the one that executes the order.",
                "anyOf": _TEXT_OR_NONE,
                "default": None,
            },
            "working_dir": {
                "title": "Working directory",
                "description": "The folder in which the process begins; that of the code unless given.",
                "anyOf": _TEXT_OR_NONE,
                "default": None,
            },
            "stream_output": {
                "title": "Stream output",
                "description": "Whether what the process prints is shown where the worker runs, too.",
                "type": "boolean",
                "default": True,
            },
        },
    },
    "job_configuration": {
        "name": "{{ name }}",
        "env": "{{ env }}",
        "labels": "{{ labels }}",
        "command": "{{ command }}",
        "working_dir": "{{ working_dir }}",
        "stream_output": "{{ stream_output }}",
    },
}

TEMPLATES: Final[Mapping[str, dict[str, Any]]] = {"process": PROCESS_TEMPLATE, "serve": PROCESS_TEMPLATE}


def template_of(spec: PoolSpec) -> dict[str, Any]:
    """The base job template of a pool: its own, or that of its kind."""
    return spec.base_job_template or default_template(spec.kind)


def default_template(kind: str) -> dict[str, Any]:
    """The base job template of pools of a kind that have none of their own."""
    return TEMPLATES.get(kind, PROCESS_TEMPLATE)


def merged_variables(*given: Mapping[str, Any]) -> dict[str, Any]:
    """Variables, later ones over earlier ones; tables that are merged are so key by key."""
    merged: dict[str, Any] = {}
    for each in given:
        for name, value in each.items():
            there = merged.get(name)
            if name in _MERGED and isinstance(there, Mapping) and isinstance(value, Mapping):
                merged[name] = {**there, **value}
            else:
                merged[name] = value
    return merged


def job_configuration(spec: PoolSpec, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What the template of a pool makes of variables; what is None, or stands for nothing, is left out."""
    template = template_of(spec)
    properties = (template.get("variables") or {}).get("properties") or {}
    defaults = {
        name: said["default"] for name, said in properties.items() if isinstance(said, Mapping) and "default" in said
    }
    values = merged_variables(defaults, variables)
    filled = fill(template.get("job_configuration") or {}, values)
    if filled is MISSING or not isinstance(filled, dict):
        return {}
    return {name: value for name, value in filled.items() if value is not None}
