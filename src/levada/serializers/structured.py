"""JSON that keeps classes: what JSON has no word for is written with the name of its class, and rebuilt from it."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from levada.core.errors import SerializationError
from levada.serializers.base import Serializer, _library
from levada.serializers.culprit import explain

CLASS_TAG = "__class__"
EXCEPTION_TAG = "__exc_type__"


def json_object_encoder(obj: Any) -> Any:
    """What JSON writes for an object it has no word for.

    Exceptions keep their class and message. Pydantic models, dataclasses, msgspec structs, enums and the types of the
    standard library that pydantic knows (datetime, UUID, Decimal, Path, set, …) keep their class and are rebuilt
    through pydantic.

    Raises:
        TypeError: the object's class cannot be rebuilt from JSON, or cannot be imported by name.
    """
    if isinstance(obj, BaseException):
        return {EXCEPTION_TAG: class_name(type(obj)), "message": str(obj)}
    return {CLASS_TAG: class_name(type(obj)), "data": _plain_data(obj)}


def json_object_decoder(result: dict[str, Any]) -> Any:
    """The object that `json_object_encoder` wrote, or the dictionary as it is."""
    if CLASS_TAG in result and "data" in result:
        return _rebuild(import_class(result[CLASS_TAG]), result["data"])
    if EXCEPTION_TAG in result and "message" in result:
        kind = import_class(result[EXCEPTION_TAG])
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise SerializationError(f"{result[EXCEPTION_TAG]} is not an exception")
        return kind(result["message"])
    return result


def class_name(kind: type) -> str:
    """The dotted name under which a class can be imported.

    Raises:
        TypeError: it stands inside a function, so no other process could import it.
    """
    if "<locals>" in kind.__qualname__:
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} is defined inside a function and cannot be imported")
    return f"{kind.__module__}.{kind.__qualname__}"


def import_class(name: str) -> Any:
    """The class of a dotted name: the longest prefix that is a module is imported, the rest looked up in it.

    Raises:
        SerializationError: there is none.
    """
    parts = name.split(".")
    for split in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:split])
        try:
            found: Any = sys.modules.get(module_name) or import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is not None and not module_name.startswith(error.name):
                raise
            continue
        for part in parts[split:]:
            found = getattr(found, part, None)
        if found is not None:
            return found
    raise SerializationError(f"The class {name} cannot be imported; was it moved or renamed?")


def _plain_data(obj: Any) -> Any:
    """What of an object can be written in JSON, by pydantic's rules."""
    from pydantic import TypeAdapter  # lazy: only JSON results with classes need it
    from pydantic_core import to_jsonable_python  # lazy: as above

    kind = type(obj)
    if hasattr(kind, "__struct_fields__"):
        return {name: getattr(obj, name) for name in kind.__struct_fields__}
    if isinstance(obj, bytes | bytearray):
        return bytes(obj).hex()
    if isinstance(obj, set | frozenset):
        return list(obj)
    if isinstance(obj, complex):
        return [obj.real, obj.imag]
    if hasattr(kind, "__dataclass_fields__") and not hasattr(kind, "__pydantic_core_schema__"):
        # Field by field, so that each field's own class is kept where it is not the annotated one.
        return {name: getattr(obj, name) for name in kind.__dataclass_fields__}
    data = to_jsonable_python(obj)
    if not hasattr(kind, "__pydantic_core_schema__"):
        TypeAdapter(kind)  # raises when pydantic could not rebuild it
    return data


def _rebuild(kind: Any, data: Any) -> Any:
    from pydantic import TypeAdapter  # lazy: as above

    if not isinstance(kind, type):
        raise SerializationError(f"{kind!r} is not a class")
    if hasattr(kind, "__struct_fields__"):
        return kind(**data)
    if issubclass(kind, bytes | bytearray):
        return kind.fromhex(data)
    if issubclass(kind, set | frozenset):
        return kind(data)
    if issubclass(kind, complex):
        return kind(*data)
    if hasattr(kind, "__dataclass_fields__") and not hasattr(kind, "__pydantic_core_schema__"):
        return _rebuild_dataclass(kind, data)
    return TypeAdapter(kind).validate_python(data)


def _rebuild_dataclass(kind: Any, data: dict[str, Any]) -> Any:
    made = kind.__new__(kind)
    for name, value in data.items():
        object.__setattr__(made, name, value)  # also for frozen ones
    return made


class JSONSerializer(Serializer[Any]):
    """Readable text. Objects keep their class where it can be imported and rebuilt; tuples become lists.

    Attributes:
        jsonlib: the library, with `dumps` and `loads` like the standard one's.
        object_encoder: dotted name of a function for what JSON has no word for; None for none.
        object_decoder: dotted name of the function that takes such objects back; None for none.
        dumps_kwargs, loads_kwargs: passed on to the library.
    """

    type: str = "json"
    jsonlib: str = "json"
    object_encoder: str | None = "levada.serializers.json_object_encoder"
    object_decoder: str | None = "levada.serializers.json_object_decoder"
    dumps_kwargs: dict[str, Any] = {}  # noqa: RUF012 - a default, never changed
    loads_kwargs: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if "default" in self.dumps_kwargs:
            raise ValueError("`default` cannot be provided. Use `object_encoder` instead.")
        if "object_hook" in self.loads_kwargs:
            raise ValueError("`object_hook` cannot be provided. Use `object_decoder` instead.")
        _library(self.jsonlib, "dumps", "loads")

    def dumps(self, obj: Any) -> bytes:
        """The JSON text, as UTF-8."""
        library = _library(self.jsonlib)
        options = dict(self.dumps_kwargs)
        if self.object_encoder:
            options["default"] = import_class(self.object_encoder)

        def dump(value: Any) -> bytes:
            text = library.dumps(value, **options)
            return text.encode() if isinstance(text, str) else bytes(text)  # orjson gives bytes

        with explain(dump, obj, self.type):
            return dump(obj)

    def loads(self, blob: bytes) -> Any:
        """The value of JSON text."""
        options = dict(self.loads_kwargs)
        if self.object_decoder:
            options["object_hook"] = import_class(self.object_decoder)
        with explain(None, blob, self.type):
            return _library(self.jsonlib).loads(bytes(blob).decode(), **options)
