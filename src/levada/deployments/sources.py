"""Flows whose code is kept elsewhere."""

from __future__ import annotations

from typing import Any

from levada.core.errors import ConfigurationError
from levada.flows import Flow, load_flow_from_entrypoint
from levada.runner.storage import as_storage


def flow_from_source(source: Any, entrypoint: str) -> Flow[Any, Any]:
    """What `Flow.from_source` does; documented there."""
    storage = as_storage(source)
    place, mark, name = entrypoint.partition(":")
    if not mark or not place.endswith(".py"):
        raise ConfigurationError(f"The entrypoint of a source is path/file.py:function; got {entrypoint!r}.")
    root = storage.pull_code().resolve()
    file = (root / place).resolve()
    if not file.is_relative_to(root):
        raise ConfigurationError(f"The entrypoint {entrypoint!r} leads out of its source.")
    flow = load_flow_from_entrypoint(f"{file}:{name}").with_options()
    flow.source = (storage, entrypoint)
    return flow
