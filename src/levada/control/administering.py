"""The verbs of those who keep things in order: artifacts removed, searches saved, sizes, small values."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from msgspec.msgpack import decode, encode

from levada.control import queries, searches
from levada.control.base import PlanePart

if TYPE_CHECKING:
    from uuid import UUID

    from levada.wire.changes import SavedSearch
    from levada.wire.objects import TableSize


class Administering(PlanePart):
    """Order in the house; see `levada.wire.verbs.Administration`."""

    def delete_artifact(self, artifact: UUID | bytes | str) -> None:
        """Delete one artifact, named as in `read_artifact`; an older one of its key becomes the latest again.

        Raises:
            ObjectNotFound: there is none.
        """
        self.store.transact(
            lambda transaction: transaction.artifacts.delete(queries.artifact(transaction, artifact).id.bytes)
        )

    def table_sizes(self) -> list[TableSize]:
        """How much room each table takes, the largest first."""
        return sorted(self.store.table_sizes(), key=lambda table: (-table.bytes, table.name))

    def read_searches(self, page: str | None = None) -> list[SavedSearch]:
        """Saved searches, of one page (`flow_runs`, `logs`, …) or of all."""
        with self.store.read() as transaction:
            return searches.searches(transaction, page)

    def write_search(self, search: SavedSearch) -> SavedSearch:
        """Save a search under its page and name; one that is there takes the new filters and keeps its id.

        Raises:
            RequestInvalid: it has no name or page, or its filters are too large.
        """
        entropy = os.urandom(8)
        return self.store.transact(lambda transaction: searches.save(transaction, search, entropy))

    def delete_search(self, search: UUID) -> bool:
        """Forget a saved search; False when there was none."""
        return self.store.transact(lambda transaction: searches.delete(transaction, search))

    def read_meta(self, key: str) -> Any:
        """A value saved under a name by `write_meta`; None when there is none."""
        with self.store.read() as transaction:
            value = transaction.meta.get(key)
        return None if value is None else decode(value)

    def write_meta(self, key: str, value: Any) -> None:
        """Save a small value (anything msgspec encodes) under a name; None removes it."""
        with self.store.write() as transaction:
            transaction.meta.set(key, None if value is None else encode(value))
