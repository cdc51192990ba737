"""Run ids: UUID version 7 (RFC 9562), so that ids sort by the time at which they were made."""

from __future__ import annotations

# Not by way of hashlib, which loads OpenSSL: that would cost every import of the package several milliseconds.
from _blake2 import blake2b
from functools import lru_cache
from uuid import UUID, SafeUUID

_VERSION_AND_VARIANT = (0x7 << 76) | (0b10 << 62)
_KEEP = ~((0xF << 76) | (0b11 << 62)) & ((1 << 128) - 1)


def uuid7_bytes(unix_us: int, entropy: bytes) -> bytes:
    """Build the 16 bytes of a version-7 UUID.

    Args:
        unix_us: microseconds since 1970; the millisecond leads, the rest of it goes into the next 10 bits, so that
            ids of one millisecond keep their order.
        entropy: at least 8 random bytes.
    """
    millis, micros = divmod(unix_us, 1000)
    value = (millis << 80) | (micros << 64) | int.from_bytes(entropy[:8], "big")
    return (value & _KEEP | _VERSION_AND_VARIANT).to_bytes(16, "big")


_new_uuid = UUID.__new__
_set_field = object.__setattr__
_UNKNOWN = SafeUUID.unknown


def as_uuid(raw: bytes) -> UUID:
    """The UUID that 16 raw bytes stand for, made in a third of the time that `UUID` takes to check what it is given."""
    made = _new_uuid(UUID)
    _set_field(made, "int", int.from_bytes(raw, "big"))
    _set_field(made, "is_safe", _UNKNOWN)
    return made


def as_bytes(value: UUID | str | bytes) -> bytes:
    """The 16 raw bytes of an id given as UUID, text or bytes.

    Raises:
        ValueError: the text is not a UUID.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return UUID(value).bytes
    return value.bytes


def created_us(raw: bytes) -> int:
    """Microseconds since 1970 at which a version-7 id was made."""
    value = int.from_bytes(raw, "big")
    return (value >> 80) * 1000 + ((value >> 64) & 0xFFF)


@lru_cache(maxsize=1024)
def flow_id(name: str) -> UUID:
    """The id of the flow of that name, the same on every machine: a version-8 UUID made from the name's digest."""
    raw = int.from_bytes(blake2b(name.encode(), digest_size=16, person=b"levada flow").digest(), "big")
    return UUID(int=raw & _KEEP | (0x8 << 76) | (0b10 << 62))
