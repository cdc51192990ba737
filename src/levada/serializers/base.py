"""The base of all serializers, their registry, and the ones that wrap a library or another serializer."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from levada.core.errors import SerializationError
from levada.serializers.culprit import explain
from levada.serializers.pickles import pickled

T = TypeVar("T")

_registry: dict[str, type[Serializer[Any]]] = {}


class Serializer(Generic[T]):
    """Turns values into bytes and back.

    Subclass it, give it a `type` and write `dumps` and `loads`. Annotated attributes of the class are its options:
    they are taken by keyword at construction, checked for typing errors in the name, and recorded with every result,
    so that it can be read with the same options later::

        class CsvSerializer(Serializer):
            type: str = "csv"
            delimiter: str = ","

            def dumps(self, obj): ...
            def loads(self, blob): ...


        @task(persist_result=True, result_serializer=CsvSerializer(delimiter=";"))
        def table(): ...

    `Serializer(type="json")` gives the serializer registered under that name.
    """

    type: str = ""
    _options: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        names: dict[str, None] = {}
        for base in reversed(cls.__mro__):
            for name, annotation in vars(base).get("__annotations__", {}).items():
                if not name.startswith("_") and name != "type" and "ClassVar" not in str(annotation):
                    names[name] = None
        cls._options = tuple(names)
        if vars(cls).get("type"):
            _registry[cls.type] = cls

    def __new__(cls, **options: Any) -> Serializer[T]:
        """Make a serializer; the base class makes the one whose `type` is given."""
        return super().__new__(_class_of(options.pop("type", "")) if cls is Serializer else cls)

    def __init__(self, **options: Any) -> None:
        given = options.pop("type", self.type)
        if given != self.type:
            raise TypeError(f"{type(self).__name__} has the type {self.type!r}, not {given!r}")
        unknown = sorted(options.keys() - set(self._options))
        if unknown:
            raise TypeError(f"{type(self).__name__} has no option {', '.join(unknown)}")
        for name, value in options.items():
            setattr(self, name, value)
        missing = [name for name in self._options if not hasattr(self, name)]
        if missing:
            raise TypeError(f"{type(self).__name__} needs the option {', '.join(missing)}")

    def dumps(self, obj: T) -> bytes:
        """The bytes of a value.

        Raises:
            SerializationError: the value cannot be turned into bytes; names the part that cannot.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to write a value")

    def loads(self, blob: bytes) -> T:
        """The value of bytes that `dumps` made.

        Raises:
            SerializationError: these bytes cannot be turned back.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to read a value")

    def options(self) -> dict[str, Any]:
        """The options that differ from the class's own."""
        missing = object()
        found = {name: getattr(self, name) for name in self._options}
        return {name: value for name, value in found.items() if value != getattr(type(self), name, missing)}

    def specification(self) -> str:
        """The serializer as text, from which `resolve_serializer` makes it again: its type, or JSON with options."""
        options = self.options()
        if not options:
            return self.type
        plain = {
            name: value.specification() if isinstance(value, Serializer) else value for name, value in options.items()
        }
        return msgspec.json.encode({"type": self.type, **plain}).decode()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), self.type))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.options().items())})"


def _class_of(kind: str) -> type[Serializer[Any]]:
    found = _registry.get(kind)
    if found is None:
        raise ValueError(
            f"No serializer found with type {kind!r}; there are: {', '.join(sorted(_registry))}. "
            "A serializer of your own must be imported before it is asked for."
        )
    return found


def resolve_serializer(serializer: str | Serializer[Any] | type[Serializer[Any]]) -> Serializer[Any]:
    """The serializer that a name, a specification, a class or a serializer stands for.

    ``compressed/NAME`` compresses any other one.

    Raises:
        ValueError: no serializer has that name.
        TypeError: the argument is something else.
    """
    if isinstance(serializer, Serializer):
        return serializer
    if isinstance(serializer, type) and issubclass(serializer, Serializer):
        return serializer()
    if not isinstance(serializer, str):
        raise TypeError(
            f"Result serializer must be one of the following types: 'str', 'Serializer'. Got {serializer!r}."
        )
    if serializer.startswith("{"):
        options = msgspec.json.decode(serializer)
        return _class_of(options.pop("type"))(**options)
    if serializer not in _registry and serializer.startswith("compressed/"):
        return CompressedSerializer(serializer=serializer.removeprefix("compressed/"))
    return _class_of(serializer)()


def _library(name: str, *needed: str) -> Any:
    """A library named by an option.

    Raises:
        ValueError: it is not installed, or lacks a function.
    """
    try:
        found = import_module(name)
    except ImportError as error:
        raise ValueError(f"Failed to import requested library: {name!r}.") from error
    lacking = [function for function in needed if not callable(getattr(found, function, None))]
    if lacking:
        raise ValueError(f"Library {name!r} does not have the function {', '.join(lacking)}.")
    return found


class PickleSerializer(Serializer[Any]):
    """Any Python object, as pickle bytes.

    Attributes:
        picklelib: the library, which must have `dumps` and `loads`. The default, cloudpickle, also takes lambdas and
            classes of the main script, which are the script's own again in the next run of it (see `pickles`).
        picklelib_version: ignored; there for old files.
    """

    type: str = "pickle"
    picklelib: str = "cloudpickle"
    picklelib_version: str | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # The default library is proved when it is used: importing it takes a while.
        self._proved = _library(self.picklelib, "dumps", "loads") if "picklelib" in options else None

    def _functions(self) -> Any:
        if self._proved is None:
            self._proved = _library(self.picklelib, "dumps", "loads")
        return self._proved

    def dumps(self, obj: Any) -> bytes:
        """The pickled value."""
        dump = pickled if self.picklelib == "cloudpickle" else self._functions().dumps
        with explain(dump, obj, self.type):
            return bytes(dump(obj))

    def loads(self, blob: bytes) -> Any:
        """The value; runs what the pickle says, so read only what you trust."""
        with explain(None, blob, self.type):
            return self._functions().loads(blob)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.options() == self.options()

    __hash__ = Serializer.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return resolve_serializer, (self.specification(),)


class CompressedSerializer(Serializer[Any]):
    """What another serializer makes, compressed.

    Attributes:
        serializer: the other one, or its name.
        compressionlib: a library with `compress` and `decompress`: lzma, zlib, bz2, …
    """

    type: str = "compressed"
    serializer: Serializer[Any] | str
    compressionlib: str = "lzma"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.serializer = resolve_serializer(self.serializer)
        _library(self.compressionlib, "compress", "decompress")

    def options(self) -> dict[str, Any]:
        """The options that differ from the class's own; the serializer as its name when that is all there is to it."""
        own = getattr(type(self), "serializer", None)
        found = super().options()
        if isinstance(own, str) and found.get("serializer") == resolve_serializer(own):
            del found["serializer"]
        return found

    def dumps(self, obj: Any) -> bytes:
        """The compressed bytes of the other serializer."""
        return bytes(_library(self.compressionlib).compress(resolve_serializer(self.serializer).dumps(obj)))

    def loads(self, blob: bytes) -> Any:
        """The value of compressed bytes."""
        with explain(None, blob, self.type):
            plain = _library(self.compressionlib).decompress(blob)
        return resolve_serializer(self.serializer).loads(plain)


class CompressedPickleSerializer(CompressedSerializer):
    """Pickle, compressed."""

    type: str = "compressed/pickle"
    serializer: Serializer[Any] | str = "pickle"


class CompressedJSONSerializer(CompressedSerializer):
    """JSON, compressed."""

    type: str = "compressed/json"
    serializer: Serializer[Any] | str = "json"


class UnknownSerializer(Serializer[Any]):
    """Stands for a serializer that this process does not know: what it wrote can be listed, not read."""

    type: str = "unknown"
    name: str = ""

    def dumps(self, obj: Any) -> bytes:
        """Never possible."""
        raise SerializationError(f"The serializer {self.name!r} is not known here; import the module that defines it.")

    def loads(self, blob: bytes) -> Any:
        """Never possible."""
        raise SerializationError(f"The serializer {self.name!r} is not known here; import the module that defines it.")
