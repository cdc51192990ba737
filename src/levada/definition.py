"""What flows and tasks have in common: a function with a name, hooks, a retry policy, and a way to be bound."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Iterable
from functools import update_wrapper
from types import MethodType
from typing import Any

from levada.annotations import NotSet
from levada.core.errors import ReservedArgumentError
from levada.core.identity import PLAIN, code_digest, digest_inputs
from levada.core.naming import check_template, render_template
from levada.core.states import State, StateType
from levada.parameters import Signature

_COROUTINE, _GENERATOR, _ASYNC_GENERATOR = 0x80, 0x20, 0x200
RESERVED = ("return_state", "wait_for")


class Definition:
    """A function that can be run: the base of `Flow` and `Task`."""

    kind = "run"
    hook_names: tuple[str, ...] = ()

    fn: Callable[..., Any]
    name: str
    options: dict[str, Any]
    isasync: bool
    isgenerator: bool
    ismethod: bool
    isclassmethod: bool
    isstaticmethod: bool
    signature: Signature
    captured: bytes
    """What tells functions of one name apart: the plain values that each took from around it, a lambda's code."""

    def adopt(self, fn: Any) -> None:
        """Take a function as this definition's own: see what kind it is, and what it is called with."""
        self.isclassmethod = isinstance(fn, classmethod)
        self.isstaticmethod = isinstance(fn, staticmethod)
        self.ismethod = self.isclassmethod or self.isstaticmethod
        function = fn.__func__ if self.ismethod else fn
        if not callable(function):
            raise TypeError("'fn' must be callable")
        update_wrapper(self, function)  # type: ignore[arg-type]
        self.fn = function
        flags = getattr(getattr(function, "__code__", None), "co_flags", None)
        if flags is None:
            flags = _flags_of(function)
        self.isasync = bool(flags & (_COROUTINE | _ASYNC_GENERATOR))
        self.isgenerator = bool(flags & (_GENERATOR | _ASYNC_GENERATOR))
        self.signature = Signature(function)
        self.captured = _captured(function)
        for reserved in RESERVED:
            if reserved in self.signature.names:
                raise ReservedArgumentError(f"'{reserved}' is a reserved argument name and cannot be used.")

    @property
    def code(self) -> str:
        """Short digest of the function's code."""
        found: str | None = self.__dict__.get("_code")
        if found is None:
            found = self.__dict__["_code"] = code_digest(self.fn)
        return found

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if self.isstaticmethod:
            return self
        target = owner if self.isclassmethod else instance
        if target is None:
            return self
        bound = copy.copy(self)
        bound.fn = MethodType(self.fn, target)
        bound.ismethod = True
        bound.signature = _bound_signature(self.fn, bound.fn)
        return bound

    def add_hook(self, name: str, hook: Any) -> Any:
        """Register a hook; returns it, so that this serves as a decorator.

        Raises:
            TypeError: it cannot be called.
        """
        checked = check_hooks(name, [hook], self.kind)
        hooks = getattr(self, f"{name}_hooks")
        setattr(self, f"{name}_hooks", [*hooks, *checked])
        self.hooks_changed()
        return hook

    def hooks_changed(self) -> None:
        """Called when hooks were added."""

    def changed(self, given: dict[str, Any], **kept_as: Any) -> Any:
        """The same definition with other options.

        Args:
            given: options by name; `NotSet` leaves one as it is.
            kept_as: what options count as where they are not given.

        Raises:
            TypeError: there is no such option.
        """
        unknown = set(given) - set(self.options)
        if unknown:
            raise TypeError(
                f"{type(self).__name__}.with_options() got an unexpected keyword argument {min(unknown)!r}; "
                f"options are: {', '.join(sorted(self.options))}"
            )
        hooks = {name: list(getattr(self, f"{name}_hooks")) for name in self.hook_names}
        wanted = {name: value for name, value in given.items() if value is not NotSet}
        function = getattr(self.fn, "__func__", self.fn)
        if self.isclassmethod:
            function = classmethod(function)
        elif self.isstaticmethod:
            function = staticmethod(function)
        make: Any = type(self)
        made = make(function, **{**self.options, **hooks, **kept_as, **wanted})
        if hasattr(self.fn, "__self__"):  # bound to an instance or a class, and so is the other
            made.fn, made.signature, made.ismethod = self.fn, self.signature, True
        return made

    def check_run_name(self, template: Any, field: str) -> None:
        """Make sure that a run-name template can work.

        Raises:
            TypeError: it is neither text nor callable.
            NameTemplateError: it asks for a parameter that the function does not have.
        """
        if template is None:
            return
        if isinstance(template, str):
            extra = ("flow_run", "task_run", "parameters")
            varkw = self.signature.variable_keywords
            if varkw is None:
                check_template(template, self.signature.names, extra)
        elif not callable(template):
            raise TypeError(f"Expected string or callable for '{field}'; got {type(template).__name__} instead.")

    def make_run_name(self, template: Any, parameters: dict[str, Any]) -> Any:
        """The name that a template or a callable makes of the parameters; a coroutine if the callable is async.

        Raises:
            TypeError: the callable gave something other than text.
        """
        if isinstance(template, str):
            varkw = self.signature.variable_keywords
            known = {**parameters, **parameters.get(varkw, {})} if varkw else parameters
            return render_template(template, known)
        wanted = Signature(template).names
        made = template(parameters=parameters) if "parameters" in wanted else template()
        return self._awaited_name(template, made) if hasattr(made, "__await__") else self._text(template, made)

    async def _awaited_name(self, template: Any, made: Awaitable[Any]) -> str:
        return self._text(template, await made)

    def _text(self, template: Any, name: Any) -> str:
        if not isinstance(name, str):
            raise TypeError(
                f"Callable {template} for '{self.kind}_run_name' returned type {type(name).__name__} but a string is "
                "required."
            )
        return name


def _captured(function: Any) -> bytes:
    """Canonical bytes of the plain values in a function's closure when it is defined, and of a lambda's code."""
    code = getattr(function, "__code__", None)
    if code is None:
        return b""
    found: dict[str, Any] = {"": code_digest(function)} if code.co_name == "<lambda>" else {}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
        try:
            value = cell.cell_contents
        except ValueError:  # bound later, as in a function that calls itself
            continue
        if type(value) in PLAIN:
            found[name] = value
    return digest_inputs(found).data if found else b""


def _flags_of(function: Any) -> int:
    import inspect  # lazy: only partials, builtins and callable objects need it

    if not inspect.isfunction(function) and not inspect.ismethod(function):
        inner = getattr(function, "func", None) or type(function).__call__
        flags: int = getattr(getattr(inner, "__code__", None), "co_flags", 0)
        return flags
    return 0


def _bound_signature(function: Any, bound: Any) -> Signature:
    signature = Signature(function, skip_first=True)
    signature.function = bound
    return signature


def name_of(fn: Any) -> str:
    """What a callable is called, also when it is wrapped or an object."""
    inner = getattr(fn, "__func__", fn)
    name = getattr(inner, "__name__", None)
    return name if isinstance(name, str) else type(inner).__name__


def description_of(fn: Any) -> str | None:
    """The docstring of a function, without its indentation."""
    doc = getattr(getattr(fn, "__func__", fn), "__doc__", None)
    if not doc:
        return None
    if "\n" not in doc:
        return str(doc).strip()
    from inspect import cleandoc  # lazy: only docstrings of several lines need it

    return cleandoc(doc)


def check_hooks(name: str, hooks: Iterable[Any] | None, kind: str) -> list[Any]:
    """The hooks as a list.

    Raises:
        TypeError: not an iterable of callables; the message shows how to write it.
    """
    if hooks is None:
        return []
    example = f"@{kind}({name}=[hook1, hook2])\ndef my_{kind}():\n\tpass"
    try:
        listed = list(hooks)
    except TypeError:
        raise TypeError(
            f"Expected iterable for '{name}'; got {type(hooks).__name__} instead. "
            f"Please provide a list of hooks to '{name}':\n\n{example}"
        ) from None
    for hook in listed:
        if not callable(hook):
            raise TypeError(
                f"Expected callables in '{name}'; got {type(hook).__name__} instead. "
                f"Please provide a list of hooks to '{name}':\n\n{example}"
            )
        _check_hook_arguments(hook, name)
    return listed


def _check_hook_arguments(hook: Any, name: str) -> None:
    """Refuse a plain function that cannot take the three things a hook is given, before anything runs.

    Raises:
        TypeError: it cannot be called with (definition, run, state).
    """
    code = getattr(hook, "__code__", None)
    if code is None or name in ("on_commit", "on_rollback"):
        return
    flexible = bool(code.co_flags & 0x04)
    required = code.co_argcount - len(hook.__defaults__ or ())
    if isinstance(hook, MethodType):
        required -= 1
    if required > 3 or (not flexible and code.co_argcount - isinstance(hook, MethodType) < 3):
        raise TypeError(
            f"The hook {hook.__name__!r} in '{name}' must take three arguments: the flow or task, its run, and the "
            f"state; it takes {code.co_argcount}."
        )


HOOKS_BY_TYPE = {
    StateType.COMPLETED: "on_completion_hooks",
    StateType.FAILED: "on_failure_hooks",
    StateType.CANCELLED: "on_cancellation_hooks",
    StateType.CRASHED: "on_crashed_hooks",
    StateType.CANCELLING: "on_cancellation_hooks",
}


def hooks_for_state(definition: Any, state: State) -> list[Any]:
    """The hooks that a final state calls."""
    found: list[Any] = getattr(definition, HOOKS_BY_TYPE.get(state.type, ""), [])
    return found


def persistence(own: bool | None, parent: Any, default: bool | None) -> bool | None:
    """Whether a result is persisted: what the definition says, else what it runs in, else the setting."""
    if own is not None:
        return own
    inherited: bool | None = None if parent is None else parent.persist_result
    return default if inherited is None else inherited


def short(parameters: dict[str, Any]) -> dict[str, str] | None:
    """Parameters as short text for people."""
    if not parameters:
        return None
    return {name: _short(value) for name, value in parameters.items()}


def _short(value: Any) -> str:
    kind = value.__class__
    if kind is int or kind is bool or kind is float or value is None:
        return repr(value)
    if kind is str:
        return repr(value) if len(value) <= 100 else repr(value[:97]) + "..."
    from levada.results.preview import preview  # lazy: only calls with more than plain values need it

    return preview(value)
