"""How attributes of `levada.runtime` are looked up: a mock from the environment, else the current run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

PREFIXES = ("LEVADA__RUNTIME__", "PREFECT__RUNTIME__")


def look_up(noun: str, fields: Mapping[str, Callable[[], Any]], name: str) -> Any:
    """The value of one attribute.

    Raises:
        AttributeError: there is no such attribute.
        ValueError: the mock in the environment is not of the attribute's type.
    """
    for prefix in PREFIXES:
        mocked = os.environ.get(f"{prefix}{noun.upper()}__{name.upper()}")
        if mocked is not None:
            return _cast(name, mocked, fields[name]() if name in fields else mocked)
    field = fields.get(name)
    if field is None:
        raise AttributeError(f"levada.runtime.{noun} has no attribute {name!r}; it has: {', '.join(fields)}")
    return field()


def _cast(name: str, text: str, real: Any) -> Any:
    if isinstance(real, bool):
        return text.lower() in {"1", "true", "yes", "on"}
    if isinstance(real, (int, float)):
        return type(real)(text)
    if isinstance(real, datetime):
        return datetime.fromisoformat(text)
    if isinstance(real, (list, dict)):
        if isinstance(real, dict) or text.lstrip().startswith(("[", "{")):
            raise ValueError(
                "This runtime context attribute cannot be mocked using an environment variable. Please use "
                f"monkeypatch instead: {name!r} holds a {type(real).__name__}."
            )
        return [part.strip() for part in text.split(",")]
    return text
