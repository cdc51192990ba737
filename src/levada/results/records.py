"""A persisted result as a file: a line of JSON about it, then its bytes as the serializer made them.

::

    offset  size  what
    0       4     b"LVR1"
    4       4     length of the header, big-endian
    8       n     the header, a JSON object: `ResultRecordMetadata`
    8+n     rest  the payload, as many bytes as the header's `size` says

The header can be read without the payload, so that asking whether a result exists costs one small read. The payload is
not re-encoded: a Parquet result is a Parquet file with a short preamble.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from levada.core.errors import MissingResult, SerializationError
from levada.core.states import datetime_of, us_of
from levada.serializers.base import Serializer, UnknownSerializer, resolve_serializer

if TYPE_CHECKING:
    from levada.wire.records import Payload

MAGIC = b"LVR1"
HEAD_BYTES = 4096
"""How much of a file is read to see its header; a small result is in it whole."""


class ResultRecordMetadata(msgspec.Struct, omit_defaults=True):
    """What is known of a persisted result without reading it.

    Attributes:
        storage_key: the key under which its bytes are.
        serializer_specification: the serializer, as `Serializer.specification` gives it.
        expiration_us: when it may no longer be used from a cache, microseconds since 1970.
        size: bytes of the payload.
        type, preview: the value's type and short text, for people.
        created_us: when it was written.
        levada_version: which Levada wrote it.
        digest: of the payload, so that a run that remembers an earlier one sees that it was replaced.
    """

    storage_key: str | None = None
    serializer_specification: str = msgspec.field(default="pickle", name="serializer")
    expiration_us: int | None = None
    size: int = 0
    type: str = ""
    preview: str | None = None
    created_us: int = 0
    levada_version: str = ""
    digest: str | None = None

    @property
    def expiration(self) -> datetime | None:
        """When the result may no longer be used from a cache, UTC."""
        return None if self.expiration_us is None else datetime_of(self.expiration_us)

    @property
    def serializer(self) -> Serializer[Any]:
        """The serializer that wrote it; an `UnknownSerializer` when it is not known here."""
        return serializer_of(self.serializer_specification)


def serializer_of(specification: str) -> Serializer[Any]:
    """The serializer of a specification; an `UnknownSerializer` when it is not known here."""
    try:
        return resolve_serializer(specification)
    except (ValueError, TypeError):
        return UnknownSerializer(name=specification)


_write_header = msgspec.json.Encoder().encode
_read_header = msgspec.json.Decoder(ResultRecordMetadata).decode


def pack_header(metadata: ResultRecordMetadata) -> bytes:
    """The bytes that go before the payload."""
    header = _write_header(metadata)
    return b"%b%b%b" % (MAGIC, len(header).to_bytes(4, "big"), header)


def header_length(head: bytes) -> int:
    """How many bytes come before the payload.

    Raises:
        SerializationError: these are not the first bytes of a record.
    """
    if head[:4] != MAGIC or len(head) < 8:
        raise SerializationError("This is no result that Levada wrote: its first bytes are wrong.")
    return 8 + int.from_bytes(head[4:8], "big")


def unpack_header(head: bytes) -> ResultRecordMetadata:
    """The metadata of a file of which at least the header was read.

    Raises:
        SerializationError: the bytes are not a record, or it is cut.
    """
    end = header_length(head)
    try:
        return _read_header(head[8:end])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise SerializationError(f"The header of this result cannot be read: {error}") from error


def unpack_body(content: bytes, metadata: ResultRecordMetadata) -> memoryview:
    """The payload of a whole file.

    Raises:
        SerializationError: it is cut.
    """
    body = memoryview(content)[header_length(content) :]
    if len(body) != metadata.size:
        raise SerializationError(f"This result is cut: it has {len(body)} of {metadata.size} bytes.")
    return body


class ResultRecord:
    """A value with what is known of its place in storage.

    Attributes:
        metadata: where it is (or will be), and how it is written.
    """

    __slots__ = ("_value", "blob", "metadata", "payload")

    def __init__(
        self,
        metadata: ResultRecordMetadata | None = None,
        result: Any = UNSET,
        *,
        blob: bytes | memoryview | None = None,
        payload: Payload | None = None,
    ) -> None:
        self.metadata = metadata if metadata is not None else ResultRecordMetadata()
        self.blob = blob
        """The serialised value, once it was serialised or read."""
        self.payload = payload
        """What the journal says of it, once it was written."""
        self._value = result

    @property
    def result(self) -> Any:
        """The value, read from its bytes when first asked for."""
        if self._value is UNSET:
            if self.blob is None:
                raise MissingResult("This record holds no result.")
            self._value = self.metadata.serializer.loads(bytes(self.blob))
        return self._value

    @property
    def expiration(self) -> datetime | None:
        """When the result may no longer be used from a cache, UTC."""
        return self.metadata.expiration

    @property
    def serializer(self) -> Serializer[Any]:
        """How it is written."""
        return self.metadata.serializer

    @property
    def is_persisted(self) -> bool:
        """Whether it was written to storage, or read from there."""
        return self.payload is not None

    def serialize(self) -> bytes:
        """The record as the bytes of one file.

        Raises:
            SerializationError: the value cannot be serialised; names the part that cannot.
        """
        return self.header() + bytes(self.body())

    def body(self) -> bytes | memoryview:
        """The value's bytes, made when first asked for."""
        if self.blob is None:
            self.blob = self.metadata.serializer.dumps(self.result)
            self.metadata.size = len(self.blob)
            self.metadata.digest = _digest(self.blob)
        return self.blob

    def header(self) -> bytes:
        """The bytes of the file before the value's own."""
        self.body()
        return pack_header(self.metadata)

    @classmethod
    def deserialize(cls, content: bytes) -> ResultRecord:
        """The record of a file."""
        metadata = unpack_header(content)
        return cls(metadata, blob=unpack_body(content, metadata))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResultRecord) and self.metadata == other.metadata and self.result == other.result

    __hash__ = None  # type: ignore[assignment]  # it holds a value that may have no hash

    def __repr__(self) -> str:
        return f"ResultRecord(metadata={self.metadata!r})"


def _digest(content: bytes) -> str:
    from hashlib import blake2b  # lazy: only keyed results need it

    return blake2b(content, digest_size=8).hexdigest()


def expiration_us(moment: datetime | int | None) -> int | None:
    """A moment of expiry in microseconds since 1970."""
    return us_of(moment) if isinstance(moment, datetime) else moment
