"""The verbs of those who keep things in order: artifacts removed, searches saved, sizes, small values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.msgpack import decode, encode

from levada.control import queries
from levada.control.base import PlanePart

if TYPE_CHECKING:
    from uuid import UUID


class Administering(PlanePart):
    """Order in the house; see `levada.wire.verbs.Administration`."""

    def delete_artifact(self, artifact: UUID | bytes | str) -> None:
        """Delete one artifact, named as in `read_artifact`; an older one of its key becomes the latest again.

        Raises:
            ObjectNotFound: there is none.
        """
        with self.store.write() as transaction:
            transaction.artifacts.delete(queries.artifact(transaction, artifact).id.bytes)

    def read_meta(self, key: str) -> Any:
        """A value saved under a name by `write_meta`; None when there is none."""
        with self.store.read() as transaction:
            value = transaction.meta.get(key)
        return None if value is None else decode(value)

    def write_meta(self, key: str, value: Any) -> None:
        """Save a small value (anything msgspec encodes) under a name; None removes it."""
        with self.store.write() as transaction:
            transaction.meta.set(key, None if value is None else encode(value))
