"""`ResultStore`: where the results of runs go, and where they come back from.

The engine uses four verbs, which never hide a lock:

===================================  ============================================================================
`keep(value)`                        record a value nobody asked to persist; gives a payload, never an error
`persist(key, value)`                write a value under a key; `prepare` and `write_record` are its halves
`lookup(key)`                        the payload under a key when it is there and not expired; reads no large value
`lookup(key)`                        the payload under a key when there is one, not expired; reads no large value
===================================  ============================================================================

Those that touch storage have a twin for async code (`apersist`, `alookup`, …), from the same text: see `steps`.
Authors have `read`, `write`, `exists` and the locks besides, under the names they know.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from levada.core.errors import SerializationError
from levada.results.automatic import deserialize, inline, known_size, not_kept, serialize, serialize_error
from levada.results.preview import preview
from levada.results.records import ResultRecord, ResultRecordMetadata, expiration_us, pack_header
from levada.results.steps import adrive, drive
from levada.results.storages import key_of, resolve_result_storage, storage_name
from levada.results.work import StoreWork
from levada.serializers.base import Serializer, resolve_serializer
from levada.serializers.culprit import type_name
from levada.version import __version__
from levada.wire.records import Payload

if TYPE_CHECKING:
    from datetime import datetime

    from levada.locking import LockManager

INLINE_BYTES = 16 * 1024
MOST_AUTOMATIC_BYTES = 256 * 1024 * 1024


def _wall_clock() -> int:
    return time.time_ns() // 1000


def _random_key() -> str:
    from uuid import uuid4  # lazy: only results without a key need it

    return uuid4().hex


class ResultStore(StoreWork):
    """Keeps and finds results.

    Args:
        result_storage: where results go: a path, an URL for fsspec, or any object with `read_path` and `write_path`.
            None: the home's own storage.
        metadata_storage: where the headers of keyed results go, when apart from the results.
        lock_manager: what keeps two runs from computing the same key at once; needed for SERIALIZABLE.
        cache_result_in_memory: accepted; values are not pinned in memory by the store.
        serializer: how results with a key are written: a serializer or its name. Default: pickle.
        storage_key_fn: makes keys for results written without one.
        home_storage: the home's own storage, `<home>/storage`. Payloads in it name no storage.
        inline_bytes: the largest value, serialised, that a payload carries itself.
        max_automatic_bytes: the largest value, serialised, that `keep` keeps.
        now_us: the clock by which results expire.

    Raises:
        ConfigurationError: a storage cannot be used.
        ValueError: no serializer has the name given.
    """

    def __init__(
        self,
        result_storage: Any = None,
        metadata_storage: Any = None,
        lock_manager: LockManager | None = None,
        cache_result_in_memory: bool = True,
        serializer: str | Serializer[Any] | None = None,
        storage_key_fn: Callable[[], str] | None = None,
        *,
        home_storage: Any = None,
        inline_bytes: int = INLINE_BYTES,
        max_automatic_bytes: int = MOST_AUTOMATIC_BYTES,
        now_us: Callable[[], int] = _wall_clock,
    ) -> None:
        if home_storage is None:
            from levada.results.current import home_folder  # lazy: most stores are given their home

            home_storage = home_folder()
        self.home_storage = resolve_result_storage(home_storage)
        self.result_storage = None if result_storage is None else resolve_result_storage(result_storage)
        self.metadata_storage = None if metadata_storage is None else resolve_result_storage(metadata_storage)
        self.lock_manager = lock_manager
        self.cache_result_in_memory = cache_result_in_memory
        self.serializer: Serializer[Any] = resolve_serializer("pickle" if serializer is None else serializer)
        self.storage_key_fn = storage_key_fn or _random_key
        self.inline_bytes = inline_bytes
        self.max_automatic_bytes = max_automatic_bytes
        self.now_us = now_us

    def model_copy(self, *, update: dict[str, Any] | None = None) -> ResultStore:
        """The same store with some attributes changed."""
        fields: dict[str, Any] = {
            "result_storage": self.result_storage,
            "metadata_storage": self.metadata_storage,
            "lock_manager": self.lock_manager,
            "cache_result_in_memory": self.cache_result_in_memory,
            "serializer": self.serializer,
            "storage_key_fn": self.storage_key_fn,
            "home_storage": self.home_storage,
            "inline_bytes": self.inline_bytes,
            "max_automatic_bytes": self.max_automatic_bytes,
            "now_us": self.now_us,
        }
        return type(self)(**{**fields, **(update or {})})

    def update_for_flow(self, flow: Any) -> ResultStore:
        """The store that a flow's runs use: with its `result_storage`, `result_serializer` and the like where given."""
        return self._updated(flow, {})

    def update_for_task(self, task: Any) -> ResultStore:
        """The store that a task's runs use: also with the storage for keys and the locks of its cache policy."""
        policy = getattr(task, "cache_policy", None)
        changes: dict[str, Any] = {}
        if getattr(policy, "key_storage", None) is not None:
            changes["metadata_storage"] = policy.key_storage  # type: ignore[union-attr]  # the line above proved it
        if getattr(policy, "lock_manager", None) is not None:
            changes["lock_manager"] = policy.lock_manager  # type: ignore[union-attr]
        return self._updated(task, changes)

    def _updated(self, author: Any, changes: dict[str, Any]) -> ResultStore:
        if getattr(author, "result_storage", None) is not None:
            changes["result_storage"] = author.result_storage
        if getattr(author, "result_serializer", None) is not None:
            changes["serializer"] = author.result_serializer
        in_memory = getattr(author, "cache_result_in_memory", self.cache_result_in_memory)
        if in_memory != self.cache_result_in_memory:
            changes["cache_result_in_memory"] = in_memory
        return self.model_copy(update=changes) if changes else self

    # What nobody asked to persist

    def keep(self, value: Any) -> Payload:
        """Record a value: small ones inside the payload, larger ones in storage under the hash of their bytes.

        Never raises for what the value is, nor for a storage that cannot be written: the payload then has the
        serializer ``none``, and its preview says why.
        """
        found = inline(value, self.inline_bytes)
        if found is not None:
            return found
        return self._keep_other(value)

    def _keep_other(self, value: Any) -> Payload:
        if known_size(value) > self.max_automatic_bytes:
            return not_kept(value, self._too_large(known_size(value)))
        try:
            serializer, data = serialize_error(value) if isinstance(value, BaseException) else serialize(value)
        except (SerializationError, RecursionError) as error:
            return not_kept(value, str(error))
        size = len(data)
        if size <= self.inline_bytes:
            return Payload(serializer, data, None, None, size, type_name(value), preview(value))
        if size > self.max_automatic_bytes:
            return not_kept(value, self._too_large(size))
        try:
            return self._keep_in_storage(value, serializer, data)
        except OSError as error:
            reason = errno.errorcode.get(error.errno or 0, type(error).__name__)
            return not_kept(value, f"the storage could not be written ({reason}: {error})")

    def _too_large(self, size: int) -> str:
        return (
            f"its {size} bytes are more than the {self.max_automatic_bytes} that are kept without being asked for; "
            "use persist_result=True to keep it"
        )

    def _keep_in_storage(self, value: Any, serializer: str, data: bytes) -> Payload:
        from hashlib import sha256  # lazy: only large values need it

        key = sha256(data).hexdigest()
        metadata = ResultRecordMetadata(
            storage_key=key,
            serializer_specification=serializer,
            size=len(data),
            type=type_name(value),
            preview=preview(value),
            created_us=self.now_us(),
            levada_version=__version__,
        )
        if not drive(self._exists_steps(self.storage, key)):
            drive(self._write_steps(self.storage, key, pack_header(metadata), data))
        name = None if self.result_storage is None else storage_name(self.result_storage)
        return Payload(serializer, None, key, name, len(data), metadata.type, metadata.preview)

    # What was asked to be persisted

    def prepare(self, key: str | None, value: Any, *, expiration: datetime | int | None = None) -> ResultRecord:
        """Serialise a value for a key, without writing it.

        Args:
            key: the key; one is made when None.
            value: the value, or a record, which is taken as it is.
            expiration: when it may no longer be used from a cache; a datetime, or microseconds since 1970.

        Raises:
            SerializationError: the configured serializer refuses the value; names the part that it refuses.
        """
        record = self.create_result_record(value, key, expiration)
        record.body()
        return record

    def persist(
        self, key: str | None, value: Any, *, expiration: datetime | int | None = None, holder: str | None = None
    ) -> Payload:
        """Write a value under a key, with the configured serializer.

        Raises:
            SerializationError: the serializer refuses the value; names the part that it refuses.
            RuntimeError: somebody else holds the lock on the key.
            OSError: the storage cannot be written.
        """
        return drive(self._write_record_steps(self.prepare(key, value, expiration=expiration), holder))

    async def apersist(
        self, key: str | None, value: Any, *, expiration: datetime | int | None = None, holder: str | None = None
    ) -> Payload:
        """`persist` for async code."""
        return await adrive(self._write_record_steps(self.prepare(key, value, expiration=expiration), holder))

    def write_record(self, record: ResultRecord, holder: str | None = None) -> Payload:
        """Write a prepared record; see `persist`."""
        return drive(self._write_record_steps(record, holder))

    async def awrite_record(self, record: ResultRecord, holder: str | None = None) -> Payload:
        """`write_record` for async code."""
        return await adrive(self._write_record_steps(record, holder))

    def lookup(self, key: str, holder: str | None = None) -> Payload | None:
        """What is under a key, when there is something and it has not expired.

        Reads the header; of the value only as much as comes along with it. Does not wait for locks.
        """
        return drive(self._lookup_steps(key))

    async def alookup(self, key: str, holder: str | None = None) -> Payload | None:
        """`lookup` for async code."""
        return await adrive(self._lookup_steps(key))

    def load(self, payload: Payload) -> Any:
        """The value of a payload.

        Raises:
            MissingResult: it was not kept, or is gone from storage.
            SerializationError: it cannot be read back.
        """
        if payload.data is not None:
            return deserialize(payload.serializer, payload.data)
        return drive(self._load_steps(payload))

    async def aload(self, payload: Payload) -> Any:
        """`load` for async code."""
        if payload.data is not None:
            return deserialize(payload.serializer, payload.data)
        return await adrive(self._load_steps(payload))

    def forget(self, key: str) -> None:
        """Remove what is under a key, where the storage can; what cannot be removed is overwritten as expired."""
        drive(self._forget_steps(key))

    async def aforget(self, key: str) -> None:
        """`forget` for async code."""
        await adrive(self._forget_steps(key))

    # The names that authors know

    def create_result_record(
        self, obj: Any, key: str | None = None, expiration: datetime | int | None = None
    ) -> ResultRecord:
        """A record of a value, neither serialised nor written yet."""
        if isinstance(obj, ResultRecord):
            return obj
        metadata = ResultRecordMetadata(
            storage_key=key_of(self.storage_key_fn() if key is None else key),
            serializer_specification=self.serializer.specification(),
            expiration_us=expiration_us(expiration),
            type=type_name(obj),
            preview=preview(obj),
            created_us=self.now_us(),
            levada_version=__version__,
        )
        return ResultRecord(metadata, obj)

    def write(
        self, obj: Any, key: str | None = None, expiration: datetime | None = None, holder: str | None = None
    ) -> None:
        """Write a value under a key (one is made when None); see `persist`."""
        self.persist(key, obj, expiration=expiration, holder=holder)

    async def awrite(
        self, obj: Any, key: str | None = None, expiration: datetime | None = None, holder: str | None = None
    ) -> None:
        """`write` for async code."""
        await self.apersist(key, obj, expiration=expiration, holder=holder)

    def persist_result_record(self, result_record: ResultRecord, holder: str | None = None) -> None:
        """Write a record that `create_result_record` made."""
        self.write_record(result_record, holder)

    async def apersist_result_record(self, result_record: ResultRecord, holder: str | None = None) -> None:
        """`persist_result_record` for async code."""
        await self.awrite_record(result_record, holder)

    def read(self, key: str, holder: str | None = None) -> ResultRecord:
        """The record under a key, expired or not; waits while somebody else holds the lock on it.

        Raises:
            PathNotFoundError: there is none (a ValueError, too).
            SerializationError: it is not a record, or cut.
        """
        self._wait_for_others(key, holder)
        return drive(self._read_steps(key))

    async def aread(self, key: str, holder: str | None = None) -> ResultRecord:
        """`read` for async code."""
        await self._await_others(key, holder)
        return await adrive(self._read_steps(key))

    def exists(self, key: str) -> bool:
        """Whether there is a result under the key that has not expired."""
        return self.lookup(key) is not None

    async def aexists(self, key: str) -> bool:
        """`exists` for async code."""
        return await self.alookup(key) is not None

    def __repr__(self) -> str:
        return f"ResultStore(storage={self.storage!r}, serializer={self.serializer!r})"
