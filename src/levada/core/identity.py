"""Which call is which: the law that lets a resumed run find its own records and never another call's.

The identity of a task call is a digest of its scope (the task run it is nested in, if any), the task's key, and either
an explicit key or a canonical digest of its inputs; its occurrence tells identical calls of one scope apart. An input
that is another task's future is digested by that call's identity, not by its value. There is no global call counter,
so neither concurrency nor changed code elsewhere can shift the match (property test in ``tests/property``).

Digests are BLAKE2b, 16 bytes (RFC 7693). Canonical means: equal values of equal types give equal bytes in every
process; a list and a tuple, 1 and 1.0 and True, a dict and a dataclass all differ.
"""

from __future__ import annotations

import enum
import sys

# Not by way of hashlib, which loads OpenSSL: that would cost every import of the package several milliseconds.
from _blake2 import blake2b
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from msgspec.msgpack import Encoder

_encode = Encoder().encode
PLAIN = frozenset({int, str, float, bool, type(None), bytes})
"""Types whose values are digested as they are."""
_MAX_DEPTH = 200


@runtime_checkable
class Identified(Protocol):
    """A stand-in for the result of a call: a future or a state that knows which call made it."""

    call_identity: bytes | None


class Opaque(Exception):  # noqa: N818 - a message between functions of this module
    """A value has no content that could be digested."""


class InputDigest:
    """The canonical bytes of a call's inputs.

    Attributes:
        bytes: what goes into the identity.
        opaque: some input (a connection, a lock, a generator) could not be digested and stands only by its type.
    """

    __slots__ = ("data", "opaque")

    def __init__(self, data: bytes, opaque: bool) -> None:
        self.data = data
        self.opaque = opaque


def digest_inputs(parameters: dict[str, Any]) -> InputDigest:
    """Canonical bytes of a call's parameters, by name."""
    if PLAIN.issuperset(map(type, parameters.values())):
        try:
            return InputDigest(_encode(parameters), opaque=False)
        except (OverflowError, UnicodeEncodeError):
            pass  # an integer beyond 64 bits or a lone surrogate: the long way knows how
    feeder = Feeder()
    for name, value in parameters.items():
        feeder.text(name)
        feeder.feed(value, 0)
    return InputDigest(b"".join(feeder.parts), feeder.opaque)


def call_identity(scope: bytes, key: str, inputs: bytes) -> bytes:
    """The 16-byte identity of a call.

    Args:
        scope: identity of the task run in which the call stands, empty at the top of a flow run.
        key: which task.
        inputs: from `digest_inputs`, or an explicit key's bytes.
    """
    return blake2b(b"%d\0%b%b\0%b" % (len(scope), scope, key.encode(), inputs), digest_size=16).digest()


def nested_scope(identity: bytes, occurrence: int) -> bytes:
    """The scope of calls made inside one task run."""
    return identity if occurrence == 0 else blake2b(b"%b%d" % (identity, occurrence), digest_size=16).digest()


def mapped_scope(identity_of_first: bytes, occurrence: int) -> bytes:
    """The scope of the items of one call to map; the items' occurrence is their index."""
    return blake2b(b"map%b%d" % (identity_of_first, occurrence), digest_size=16).digest()


class Feeder:
    """Turns values into tagged, length-prefixed bytes.

    Attributes:
        parts: the bytes so far.
        opaque: whether some value had no content that could be digested, and stands only by its type.
        active: ids of the containers that are being fed, so that one that holds itself ends.
    """

    __slots__ = ("active", "opaque", "parts")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.active: set[int] = set()
        self.opaque = False

    def text(self, value: str) -> None:
        """Feed text."""
        raw = value.encode("utf-8", "surrogatepass")
        self.parts.append(b"s%d:" % len(raw))
        self.parts.append(raw)

    def plain(self, value: Any) -> None:
        """Feed a value of one of the types that MessagePack keeps."""
        if type(value) is str:
            self.text(value)
        elif type(value) is int:
            self.parts.append(b"i%d;" % value)
        elif type(value) is bytes:
            self.parts.append(b"b%d:%b" % (len(value), value))
        else:
            self.parts.append(b"p" + _encode(value))

    def feed(self, value: Any, depth: int) -> None:
        """Feed any value."""
        kind = type(value)
        if kind in PLAIN:
            self.plain(value)
            return
        try:
            identity = getattr(value, "call_identity", None)
        except Exception:  # noqa: BLE001 - an author's object may answer to any name, and may raise what it likes
            identity = None
        if isinstance(identity, bytes):
            self.parts.append(b"c" + identity)
            return
        if depth > _MAX_DEPTH:
            self.opaque = True  # what lies deeper may differ
            self.parts.append(b"~")
            return
        if id(value) in self.active:
            self.parts.append(b"~")
            return
        self.active.add(id(value))
        try:
            handler = _HANDLERS.get(kind)
            if handler is not None:
                handler(self, value, depth + 1)
            else:
                self.other(value, kind, depth + 1)
        finally:
            self.active.discard(id(value))

    def sequence(self, tag: bytes, values: Any, depth: int) -> None:
        """Feed values whose order counts."""
        self.parts.append(b"%b%d[" % (tag, len(values)))
        if set(map(type, values)) <= {int, float, bool, type(None)}:
            try:
                self.parts.append(b"#" + _encode(list(values)))
            except OverflowError:
                pass  # an integer of more than 64 bits: the slow way below spells it out
            else:
                return
        for item in values:
            self.feed(item, depth)

    def mapping(self, value: dict[Any, Any], depth: int) -> None:
        """Feed a dictionary; the order of its keys does not count."""
        self.parts.append(b"d%d{" % len(value))
        if all(type(key) is str for key in value):
            for key in sorted(value):
                self.text(key)
                self.feed(value[key], depth)
            return
        self.parts.extend(sorted(self.aside(pair, depth) for pair in value.items()))

    def unordered(self, value: Any, depth: int) -> None:
        """Feed a set."""
        self.parts.append(b"S%d(" % len(value))
        self.parts.extend(sorted(self.aside(item, depth) for item in value))

    def aside(self, value: Any, depth: int) -> bytes:
        """The digest of one element of an unordered collection."""
        inner = type(self)()
        inner.active = self.active
        inner.feed(value, depth)
        self.opaque = self.opaque or inner.opaque
        return blake2b(b"".join(inner.parts), digest_size=16).digest()

    def named(self, tag: bytes, thing: Any) -> None:
        """Feed a class or function by its name."""
        self.parts.append(tag)
        self.text(f"{home_of(thing)}.{getattr(thing, '__qualname__', repr(type(thing)))}")

    def other(self, value: Any, kind: type, depth: int) -> None:
        """Feed a value of a type that has no handler."""
        if isinstance(value, type):
            self.named(b"T", value)
        elif isinstance(value, enum.Enum):
            self.named(b"E", kind)
            self.feed(value.value if value.name is None else value.name, depth)  # an empty flag has no name
        elif hasattr(kind, "__code__"):
            self.function(value, depth)
        else:
            self.named(b"o", kind)
            self.reduced(value, depth)

    def function(self, value: Any, depth: int) -> None:
        """Feed a function: by its name, or by its code when it has none of its own."""
        self.named(b"f", value)
        if "<" in value.__qualname__:
            self.parts.append(code_digest(value).encode())
            self.feed((value.__defaults__, value.__kwdefaults__), depth)
            for cell in value.__closure__ or ():
                try:
                    self.feed(cell.cell_contents, depth)
                except ValueError:  # an empty cell has no contents yet
                    self.parts.append(b"~")

    def reduced(self, value: Any, depth: int) -> None:
        """Any picklable object by what pickle would keep of it, without pickle's memo (which is not canonical)."""
        if hasattr(type(value), "__array_interface__") and not getattr(value.dtype, "hasobject", True):
            self.text(f"{value.dtype!r}{value.shape!r}")
            self.parts.append(blake2b(value.tobytes(), digest_size=16).digest())
            return
        try:
            parts = value.__reduce_ex__(4)
        except Exception:  # noqa: BLE001 - whatever pickle refuses is opaque by definition
            self.opaque = True
            self.parts.append(b"?")
            return
        if isinstance(parts, str):
            self.text(parts)
            return
        for part in parts:
            if part is None or isinstance(part, (tuple, dict, str)) or callable(part):
                self.feed(part, depth)
            else:
                self.sequence(b"I", list(part), depth)


_Handler = Callable[[Feeder, Any, int], None]

_HANDLERS: dict[type, _Handler] = {
    list: lambda feeder, value, depth: feeder.sequence(b"l", value, depth),
    tuple: lambda feeder, value, depth: feeder.sequence(b"t", value, depth),
    dict: lambda feeder, value, depth: feeder.mapping(value, depth),
    set: lambda feeder, value, depth: feeder.unordered(value, depth),
    frozenset: lambda feeder, value, depth: feeder.unordered(value, depth),
}


def home_of(thing: Any) -> str:
    """The name of the module that a class or function stands in; the file's name for the script that is run.

    So `python flow.py`, `levada run flow.py` and the child processes of both call the same thing the same.
    """
    module = str(getattr(thing, "__module__", ""))
    if is_script(module):
        file = getattr(sys.modules.get(module), "__file__", None)
        return module if file is None else file.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
    return module


def is_script(module: str) -> bool:
    """Whether this is the name of a module that was run as a script, and has another name in other processes."""
    return module in {"__main__", "__mp_main__"} or module.startswith("__levada_script_")


def content_digest(data: bytes) -> str:
    """Digest of some bytes as 32 hexadecimal digits."""
    return blake2b(data, digest_size=16).hexdigest()


def code_digest(function: Any) -> str:
    """Short digest of a function's own code, constants and names: it changes when the function is edited.

    Line numbers and file names do not count, so moving a function leaves the digest as it is.
    """
    code = getattr(function, "__code__", None)
    if code is None:
        return ""
    state = blake2b(digest_size=8)
    _digest_code(code, state.update)
    return state.hexdigest()


def _digest_code(code: Any, update: Callable[[bytes], None]) -> None:
    update(code.co_code)
    update(repr(code.co_names).encode())
    update(repr(code.co_varnames).encode())
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            _digest_code(constant, update)
        else:
            # a frozenset constant's repr follows the hash seed of the process
            stable = sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant
            update(repr(stable).encode())
