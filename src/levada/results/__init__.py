"""Results of runs: recorded automatically, or persisted under a key, and found again.

A value becomes a `levada.wire.records.Payload`: its bytes when they are small, the place of its bytes otherwise. The
engine keeps every result that can be kept (`ResultStore.keep`), so that a run can be resumed; an author asks for more
with `persist_result`, a cache policy or a storage of their own (`ResultStore.persist`). `load` gives the value back.

May import core, wire, serializers, filesystems and locking. Life of a value: `prepare` (serialised, with its culprit
named if it cannot be) → `write_record` (durable) → the record of the run that names it → `lookup` and `load`.
"""

from __future__ import annotations

from typing import Any

from levada.results.automatic import deserialize
from levada.results.current import (
    aget_default_result_storage,
    get_default_persist_setting,
    get_default_result_serializer,
    get_default_result_storage,
    get_result_store,
    set_persisting,
    set_source,
    should_persist_result,
)
from levada.results.preview import preview
from levada.results.records import ResultRecord, ResultRecordMetadata
from levada.results.storages import ResultStorage, resolve_result_storage
from levada.results.store import ResultStore
from levada.serializers.base import Serializer, resolve_serializer

ResultSerializer = Serializer[Any] | str
"""What an author may give as a serializer."""

get_default_persist_setting_for_tasks = get_default_persist_setting


async def aresolve_result_storage(storage: object) -> object:
    """`resolve_result_storage`, awaited."""
    return resolve_result_storage(storage)


__all__ = [
    "ResultRecord",
    "ResultRecordMetadata",
    "ResultSerializer",
    "ResultStorage",
    "ResultStore",
    "aget_default_result_storage",
    "aresolve_result_storage",
    "deserialize",
    "get_default_persist_setting",
    "get_default_persist_setting_for_tasks",
    "get_default_result_serializer",
    "get_default_result_storage",
    "get_result_store",
    "preview",
    "resolve_result_storage",
    "resolve_serializer",
    "set_persisting",
    "set_source",
    "should_persist_result",
]
