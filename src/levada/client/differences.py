"""What is different between two versions of a deployment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import to_builtins

from levada.wire.deployments import NewDeployment


class Difference(NamedTuple):
    """A place where two versions differ; None where one has nothing."""

    path: str
    """E.g. ``code.digest`` or ``parameters.day``."""
    before: Any
    after: Any


def differences(before: NewDeployment, after: NewDeployment) -> list[Difference]:
    """Where two versions differ, in the order of the fields.

    Args:
        before: what was deployed as one version.
        after: what was deployed as the other.
    """
    fields = type(before).__struct_fields__
    return [
        difference
        for field in fields
        for difference in _between(field, to_builtins(getattr(before, field)), to_builtins(getattr(after, field)))
    ]


def _between(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if before == after and type(before) is type(after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            yield from _between(f"{path}.{key}", before.get(key), after.get(key))
    else:
        yield Difference(path, before, after)
