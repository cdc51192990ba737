"""How the arguments of a call become parameters by name, and flow parameters become what their annotations say.

Binding is our own for plain functions, because `inspect.Signature.bind` costs more than the rest of a task call.
Validation uses pydantic, imported only when a value does not already have exactly the annotated plain type.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from levada.core.errors import ParameterBindError, ParameterTypeError, SignatureMismatchError

_VARARGS, _VARKEYWORDS = 0x04, 0x08
_PLAIN = (int, str, float, bool, bytes, type(None))


class Signature:
    """The parameters of one function: names, defaults, and how to call it with them by name.

    Attributes:
        names: every parameter in order, including the names of ``*args`` and ``**kwargs``.
        annotations: by name, unresolved.
    """

    __slots__ = (
        "_all",
        "_kwonly",
        "_nargs",
        "_posonly",
        "_var",
        "_varkw",
        "adapters",
        "defaults",
        "function",
        "names",
        "secrets",
    )

    def __init__(self, function: Callable[..., Any], skip_first: bool = False) -> None:
        self.function = function
        self._all: tuple[str, ...] = ()
        self._kwonly: tuple[str, ...] = ()
        self._nargs = self._posonly = 0
        self._var: str | None = None
        self._varkw: str | None = None
        self.defaults: dict[str, Any] = {}
        self.names: tuple[str, ...] = ()
        self.adapters: dict[str, Any] | None = None
        self.secrets: frozenset[str] | None = None
        code = getattr(function, "__code__", None)
        if code is None or hasattr(function, "__wrapped__") or hasattr(function, "__signature__"):
            self._from_inspect(function)
        else:
            self._from_code(function, code)
        if skip_first and self._all:
            self._all = self._all[1:]
            self._nargs -= 1
            self._posonly = max(0, self._posonly - 1)
            self.names = self.names[1:]

    def _from_code(self, function: Any, code: Any) -> None:
        nargs, nkw = code.co_argcount, code.co_kwonlyargcount
        variables = code.co_varnames
        self._all = variables[:nargs]
        self._kwonly = variables[nargs : nargs + nkw]
        self._nargs = nargs
        self._posonly = code.co_posonlyargcount
        rest = variables[nargs + nkw :]
        self._var = rest[0] if code.co_flags & _VARARGS else None
        after = rest[1:] if self._var else rest
        self._varkw = after[0] if code.co_flags & _VARKEYWORDS else None
        values = function.__defaults__ or ()
        self.defaults = dict(zip(self._all[nargs - len(values) :], values, strict=True))
        self.defaults.update(function.__kwdefaults__ or {})
        self._name()

    def _from_inspect(self, function: Callable[..., Any]) -> None:
        import inspect  # lazy: only wrapped functions, partials, builtins and callable objects need it

        kinds = inspect.Parameter
        try:
            found = list(inspect.signature(function).parameters.values())
        except ValueError:  # some builtins do not say what they take: anything goes
            self._var, self._varkw = "args", "kwargs"
            self._name()
            return
        positional = (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
        self._all = tuple(p.name for p in found if p.kind in positional)
        self._posonly = sum(p.kind is kinds.POSITIONAL_ONLY for p in found)
        self._kwonly = tuple(p.name for p in found if p.kind is kinds.KEYWORD_ONLY)
        self._nargs = len(self._all)
        self._var = next((p.name for p in found if p.kind is kinds.VAR_POSITIONAL), None)
        self._varkw = next((p.name for p in found if p.kind is kinds.VAR_KEYWORD), None)
        self.defaults = {p.name: p.default for p in found if p.default is not kinds.empty}
        self._name()

    def _name(self) -> None:
        names = list(self._all)
        if self._var:
            names.append(self._var)
        names.extend(self._kwonly)
        if self._varkw:
            names.append(self._varkw)
        self.names = tuple(names)

    @property
    def variable_keywords(self) -> str | None:
        """The name of ``**kwargs``, if the function has one."""
        return self._varkw

    @property
    def variable_positional(self) -> str | None:
        """The name of ``*args``, if the function has one."""
        return self._var

    @property
    def keyword_only(self) -> tuple[str, ...]:
        """Names of the keyword-only parameters."""
        return self._kwonly

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], apply_defaults: bool = True) -> dict[str, Any]:
        """Parameters by name, in the function's order, defaults filled in.

        Raises:
            ParameterBindError: the arguments do not fit; the message is the one Python gives for a plain call.
        """
        given = len(args)
        nargs = self._nargs
        if given > nargs and self._var is None:
            raise self._misfit(args, kwargs)
        bound = dict(zip(self._all, args, strict=False))
        if not kwargs and given >= nargs and not self._kwonly:
            if self._var is not None:
                bound[self._var] = args[nargs:]
            if self._varkw is not None:
                bound[self._varkw] = {}
            return bound
        return self._bind_rest(bound, args, kwargs, apply_defaults)

    def _bind_rest(
        self, bound: dict[str, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], apply_defaults: bool
    ) -> dict[str, Any]:
        rest = dict(kwargs)
        for position, name in enumerate(self._all[len(bound) :], len(bound)):
            if name in rest and position >= self._posonly:
                bound[name] = rest.pop(name)
            elif name in self.defaults:
                if apply_defaults:
                    bound[name] = self.defaults[name]
            else:
                raise self._misfit(args, kwargs)
        if self._var is not None:
            bound[self._var] = args[self._nargs :]
        for name in self._kwonly:
            if name in rest:
                bound[name] = rest.pop(name)
            elif name in self.defaults:
                if apply_defaults:
                    bound[name] = self.defaults[name]
            else:
                raise self._misfit(args, kwargs)
        if self._varkw is not None:
            bound[self._varkw] = rest
        elif rest:
            raise self._misfit(args, kwargs)
        return bound

    def _misfit(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> ParameterBindError:
        import inspect  # lazy: only to word the error as Python does

        name = getattr(self.function, "__name__", "the function")
        signature = inspect.signature(self.function)
        parameters = [p for p in signature.parameters.values() if p.name in self.names]
        try:
            signature.replace(parameters=parameters).bind(*args, **kwargs)
        except TypeError as error:
            shown = ", ".join(map(str, parameters))
            return ParameterBindError(
                f"Error binding parameters for function '{name}': {error}.\n"
                f"Function '{name}' has signature '{shown}' but received args: {args} "
                f"and kwargs: {list(kwargs)}."
            )
        return ParameterBindError(f"Error binding parameters for function '{name}'.")

    def unbind(self, parameters: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments and keyword arguments that call the function with these parameters.

        Raises:
            SignatureMismatchError: a name is not a parameter of the function, or a required one is missing.
        """
        if len(parameters) == self._nargs == len(self.names):
            try:
                return tuple([parameters[name] for name in self._all]), {}
            except KeyError:
                pass  # some name is wrong: the careful way says which
        return self._unbind_checked(parameters)

    def _unbind_checked(self, parameters: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        unknown = set(parameters) - set(self.names)
        optional = {*self.defaults, self._var, self._varkw}
        missing = [name for name in self.names if name not in parameters and name not in optional]
        if unknown or missing:
            raise SignatureMismatchError(
                f"Function expects parameters {list(self.names)} but was provided with parameters {list(parameters)}"
            )
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        positional = True
        for name in self._all:
            if name not in parameters:
                positional = False
            elif positional:
                args.append(parameters[name])
            else:
                kwargs[name] = parameters[name]
        if self._var is not None and positional:
            args.extend(parameters.get(self._var, ()))
        kwargs.update({name: parameters[name] for name in self._kwonly if name in parameters})
        if self._varkw is not None:
            kwargs.update(parameters.get(self._varkw, {}))
        return tuple(args), kwargs

    def validate(self, parameters: dict[str, Any], name: str) -> dict[str, Any]:
        """Parameters checked against and turned into their annotations, as pydantic's lax mode does.

        Args:
            parameters: by name.
            name: of the flow or task, for the message.

        Raises:
            ParameterTypeError: naming each parameter that does not fit.
        """
        annotations = getattr(self.function, "__annotations__", {})
        if all(_fits_plainly(annotations.get(key), value) for key, value in parameters.items()):
            return parameters
        return validated(self, parameters, name)


def sealed(signature: Signature, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters as they may be written down: what an annotation calls a secret is one, however it was given."""
    if "pydantic" not in sys.modules:  # whoever annotates with its secrets has imported it
        return parameters
    from levada.validation import seal  # lazy: as above

    return seal(signature, parameters)


_NAMES_OF_PLAIN = {kind.__name__: kind for kind in (int, str, float, bool, bytes)} | {"None": type(None)}


def _fits_plainly(annotation: Any, value: Any) -> bool:
    """Whether a value is already exactly what a plain annotation says, so that nothing needs pydantic."""
    if annotation is None or annotation is Any or annotation == "Any":
        return True
    if isinstance(annotation, str):
        annotation = _NAMES_OF_PLAIN.get(annotation)
    return annotation in _PLAIN and type(value) is annotation


def validated(signature: Signature, parameters: dict[str, Any], name: str) -> dict[str, Any]:
    """`Signature.validate` by pydantic."""
    from levada.validation import validate  # lazy: pydantic is imported only when an annotation needs it

    try:
        return validate(signature, parameters)
    except ValueError as error:
        raise ParameterTypeError(f"Flow run received invalid parameters for {name!r}:\n{error}") from error
