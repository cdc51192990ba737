"""What a `ResultStore` does in storage, written once for sync and async: see `steps`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from levada.core import faults
from levada.core.errors import ConfigurationError, MissingResult, SerializationError
from levada.filesystems import LocalFileSystem, MemoryFileSystem, PathNotFoundError
from levada.results.automatic import NOT_KEPT, deserialize, missing
from levada.results.locks import StoreLocks
from levada.results.records import (
    HEAD_BYTES,
    MAGIC,
    ResultRecord,
    ResultRecordMetadata,
    header_length,
    pack_header,
    unpack_body,
    unpack_header,
)
from levada.results.steps import Call, Steps
from levada.results.storages import NOT_THERE, key_of, open_storage, path_of, storage_name
from levada.wire.records import Payload

_QUICK = (LocalFileSystem, MemoryFileSystem)
"""Storages whose small files are read and written on the event loop's own thread; a hop to another costs more."""

_QUICK_BYTES = 256 * 1024

_FORGOTTEN = 0
"""The expiration of what was forgotten in a storage that cannot delete."""


class StoreWork(StoreLocks):
    """The storage work of a store; `ResultStore` says what the attributes mean."""

    home_storage: Any
    result_storage: Any
    metadata_storage: Any
    inline_bytes: int
    now_us: Callable[[], int]
    storage_key_fn: Callable[[], str]

    @property
    def storage(self) -> Any:
        """Where results go: the storage given, or the home's own."""
        return self.home_storage if self.result_storage is None else self.result_storage

    def _write_record_steps(self, record: ResultRecord, holder: str | None) -> Steps[Payload]:
        metadata = record.metadata
        key = key_of(self.storage_key_fn() if metadata.storage_key is None else metadata.storage_key)
        metadata.storage_key = key
        self.refuse_foreign_lock(key, holder)
        body, header = record.body(), record.header()
        if self.metadata_storage is not None:
            yield from self._write_steps(self.storage, path_of(key), header, body)
            yield from self._write_steps(self.metadata_storage, path_of(key), header, b"")
        else:
            yield from self._write_steps(self.storage, path_of(key), header, body)
        record.payload = self._payload(key, metadata, body if len(body) <= self.inline_bytes else None)
        return record.payload

    def _payload(self, key: str, metadata: ResultRecordMetadata, body: Any) -> Payload:
        return Payload(
            metadata.serializer_specification,
            None if body is None else bytes(body),
            key,
            None if self.result_storage is None else storage_name(self.result_storage),
            metadata.size,
            metadata.type,
            metadata.preview,
            metadata.expiration_us,
            metadata.digest,
        )

    def _lookup_steps(self, key: str) -> Steps[Payload | None]:
        apart = self.metadata_storage is not None
        head = yield from self._head_steps(self.metadata_storage if apart else self.storage, path_of(key))
        if head is None:
            return None
        try:
            metadata = unpack_header(head)
        except SerializationError:
            return None  # a foreign file is no result, and will be overwritten by one
        if metadata.expiration_us is not None and metadata.expiration_us <= self.now_us():
            return None
        body = memoryview(head)[header_length(head) :]
        complete = not apart and len(body) == metadata.size and metadata.size <= self.inline_bytes
        return self._payload(key_of(key), metadata, body if complete else None)

    def _head_steps(self, storage: Any, path: str) -> Steps[bytes | None]:
        """The first bytes of a file, with its whole header; None when there is no file."""
        read_head = getattr(storage, "read_head", None)
        try:
            if read_head is None:
                return bytes((yield Call(storage.read_path, path)))
            head: bytes = yield Call(read_head, path, HEAD_BYTES, quick=isinstance(storage, _QUICK))
            if len(head) == HEAD_BYTES and head[:4] == MAGIC and header_length(head) > HEAD_BYTES:
                head = yield Call(read_head, path, header_length(head))
        except NOT_THERE:
            return None
        return head

    def _exists_steps(self, storage: Any, path: str) -> Steps[bool]:
        exists = getattr(storage, "exists", None)
        if exists is not None:
            return bool((yield Call(exists, path, quick=isinstance(storage, _QUICK))))
        return (yield from self._head_steps(storage, path)) is not None

    def _write_steps(self, storage: Any, path: str, header: bytes, body: Any) -> Steps[None]:
        if faults.armed:
            faults.reach("results.before_write")
        quick = isinstance(storage, _QUICK) and len(body) <= _QUICK_BYTES
        if isinstance(storage, LocalFileSystem):
            yield Call(storage.write_parts, path, (header, body), quick=quick)
        else:
            yield Call(storage.write_path, path, header + bytes(body), quick=quick)
        if faults.armed:
            faults.reach("results.after_write")

    def _read_steps(self, key: str, storage: Any = None) -> Steps[ResultRecord]:
        storage = self.storage if storage is None else storage
        content = yield Call(storage.read_path, path_of(key))
        metadata = unpack_header(content)
        if metadata.expiration_us == _FORGOTTEN:
            raise PathNotFoundError(f"Path {path_of(key)} does not exist: what was there is forgotten.")
        body = unpack_body(content, metadata)
        return ResultRecord(metadata, blob=body, payload=self._payload(key, metadata, None))

    def _load_steps(self, payload: Payload) -> Steps[Any]:
        if payload.serializer == NOT_KEPT:
            raise missing(payload)
        if payload.key is None:
            raise MissingResult("The record of this result says neither its value nor where it is.")
        try:
            record = yield from self._read_steps(payload.key, self._storage_named(payload.storage))
        except NOT_THERE as error:
            where = payload.storage or "the home's storage"
            raise MissingResult(
                f"The result is gone: nothing is under {payload.key!r} in {where} ({error})."
            ) from error
        if payload.digest is not None and record.metadata.digest != payload.digest:
            raise MissingResult(f"The result under {payload.key!r} was replaced by a later one.")
        return deserialize(record.metadata.serializer_specification, record.body())

    def _storage_named(self, name: str | None) -> Any:
        if name is None:
            return self.home_storage
        if self.result_storage is not None and storage_name(self.result_storage) == name:
            return self.result_storage
        try:
            return open_storage(name)
        except ConfigurationError as error:
            raise MissingResult(str(error)) from error

    def _forget_steps(self, key: str) -> Steps[None]:
        storages = [self.storage] if self.metadata_storage is None else [self.metadata_storage, self.storage]
        for storage in storages:
            delete = getattr(storage, "delete", None)
            if delete is not None:
                yield Call(delete, path_of(key), quick=isinstance(storage, _QUICK))
            elif (yield from self._exists_steps(storage, path_of(key))):
                gone = ResultRecordMetadata(storage_key=key, expiration_us=_FORGOTTEN)
                yield from self._write_steps(storage, path_of(key), pack_header(gone), b"")
