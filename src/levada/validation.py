"""Parameters against annotations, by pydantic's lax mode; imported only when a value needs it."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from pydantic import ConfigDict, PydanticUserError, SecretBytes, SecretStr, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUndefinedAnnotation
from pydantic_core import PydanticSerializationError, to_jsonable_python

if TYPE_CHECKING:
    from levada.parameters import Signature

_LOOSE = ConfigDict(arbitrary_types_allowed=True)


class ParameterSchema(Struct):
    """The JSON schema of a function's parameters (JSON Schema 2020-12, as pydantic writes it)."""

    title: str = "Parameters"
    type: str = "object"
    properties: dict[str, Any] = {}
    required: list[str] = []
    definitions: dict[str, Any] = {}


def parameter_schema(signature: Signature) -> ParameterSchema:
    """The JSON schema of a function's parameters; those that JSON cannot describe are left open."""
    schema = ParameterSchema(properties={}, required=[], definitions={})
    for position, (name, adapter) in enumerate(adapters_of(signature).items()):
        try:
            found = adapter.json_schema(ref_template="#/definitions/{model}")
        except PydanticInvalidForJsonSchema:
            found = {}
        schema.definitions.update(found.pop("$defs", {}))
        entry: dict[str, Any] = {
            "title": name,
            "position": position,
            **{k: v for k, v in found.items() if k != "title"},
        }
        if name in signature.defaults:
            entry["default"] = jsonable(signature.defaults[name])
        elif name not in (signature.variable_positional, signature.variable_keywords):
            schema.required.append(name)
        schema.properties[name] = entry
    return schema


def adapters_of(signature: Signature) -> dict[str, TypeAdapter[Any]]:
    """One pydantic adapter a parameter; made once for each function."""
    if signature.adapters is None:
        hints = _hints(signature.function)
        signature.adapters = {name: _adapter(hints.get(name, Any)) for name in signature.names}
    return signature.adapters


HIDDEN = "**********"
"""Stands for a secret that does not even fit its annotation."""


def seal(signature: Signature, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters, those that hold secrets by their annotation turned into it; see `levada.parameters.sealed`."""
    names = secrets_of(signature)
    if not names.intersection(parameters):
        return parameters
    kept = dict(parameters)
    for name in names.intersection(parameters):
        try:
            kept[name] = _validate_one(signature, adapters_of(signature)[name], name, parameters[name])
        except ValidationError:
            kept[name] = HIDDEN
    return kept


def secrets_of(signature: Signature) -> frozenset[str]:
    """The names of the parameters whose annotation holds a secret; found once for each function."""
    if signature.secrets is None:
        annotations = getattr(getattr(signature.function, "__func__", signature.function), "__annotations__", {})
        plain = (int, str, float, bool, bytes, None, "int", "str", "float", "bool", "bytes", "None", "Any", Any)
        if all(annotation in plain for annotation in annotations.values()):
            signature.secrets = frozenset()
        else:
            hints = _hints(signature.function)
            signature.secrets = frozenset(name for name in signature.names if _is_secret(hints.get(name), set()))
    return signature.secrets


def _is_secret(annotation: Any, seen: set[Any]) -> bool:
    if any(annotation is known for known in seen):
        return False
    inside = list(typing.get_args(annotation))
    if isinstance(annotation, type):
        if issubclass(annotation, (SecretStr, SecretBytes)) or annotation.__name__.startswith("Secret["):
            return True
        fields = getattr(annotation, "__pydantic_fields__", None) or getattr(annotation, "model_fields", None)
        if isinstance(fields, dict):
            seen = {*seen, annotation}
            inside += [field.annotation for field in fields.values()]
    return any(_is_secret(other, seen) for other in inside)


def validate(signature: Signature, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters, coerced to their annotations.

    Raises:
        ValueError: with a line for each value that does not fit.
    """
    adapters = adapters_of(signature)
    result: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in parameters.items():
        try:
            result[name] = _validate_one(signature, adapters[name], name, value)
        except ValidationError as error:
            problems.extend(_lines(name, error, secret=name in secrets_of(signature)))
    if problems:
        raise ValueError("\n".join(problems))
    return result


def _validate_one(signature: Signature, adapter: TypeAdapter[Any], name: str, value: Any) -> Any:
    if name == signature.variable_positional:
        return tuple(adapter.validate_python(item) for item in value)
    if name == signature.variable_keywords:
        return {key: adapter.validate_python(item) for key, item in value.items()}
    if value is None and signature.defaults.get(name, ...) is None:
        return None
    return adapter.validate_python(value)


def _lines(name: str, error: ValidationError, *, secret: bool) -> list[str]:
    return [
        f" - {'.'.join([name, *map(str, problem['loc'])])}: {problem['msg']} "
        f"(got {HIDDEN if secret else _short(problem.get('input'))})"
        for problem in error.errors(include_url=False)
    ]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation, config=_LOOSE)
    except PydanticUserError:  # models, dataclasses and typed dicts carry their own configuration
        try:
            return TypeAdapter(annotation)
        except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation):
            return TypeAdapter(Any)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    target = getattr(function, "__func__", function)
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return _hints_one_by_one(target)


def _hints_one_by_one(function: Any) -> dict[str, Any]:
    """Annotations of which some cannot be resolved (names imported for type checkers only): those become Any."""
    names = getattr(function, "__globals__", {})
    hints: dict[str, Any] = {}
    for name, annotation in getattr(function, "__annotations__", {}).items():
        holder = type("_Holder", (), {"__annotations__": {name: annotation}})
        try:
            hints[name] = typing.get_type_hints(holder, globalns=names, include_extras=True)[name]
        except (NameError, TypeError, AttributeError):
            hints[name] = Any
    return hints


def strictly_jsonable(value: Any) -> Any:
    """A value as JSON can hold it.

    Raises:
        ValueError: it cannot.
    """
    return to_jsonable_python(value)


def holds_secret(value: Any) -> bool:
    """Whether a value is one of pydantic's secrets."""
    return isinstance(value, (SecretStr, SecretBytes))


def jsonable(value: Any) -> Any:
    """A value as JSON can hold it; ``<TypeName>`` when it cannot."""
    try:
        return to_jsonable_python(value)
    except PydanticSerializationError:
        return f"<{type(value).__name__}>"
