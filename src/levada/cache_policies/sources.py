"""The source of a task, as far as its result depends on it.

Beyond the task's own function these count: functions and classes of the same module that it uses, directly or through
each other, tasks and flows among them. Comments, blank lines and the options of the task's own decorator do not count;
values of global variables do not either, because a counter or a cache in one would change the key with every call.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import partial
from hashlib import blake2b
from types import CodeType, FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

from levada.core.identity import code_digest, home_of

_DECORATORS = frozenset({"task", "flow", "materialize"})

_known: WeakKeyDictionary[FunctionType, str] = WeakKeyDictionary()
"""Digests by function: the source of a function does not change while it lives, even when its file does."""


def name_of(task_ctx: Any) -> str:
    """What tells the task of a context from all others: the module it stands in, and its qualified name there."""
    task = getattr(task_ctx, "task", None)
    function = getattr(task, "fn", None)
    if function is None:
        return ""
    own = getattr(task, "name", "")
    plain = plain_function(function)
    qualified = getattr(plain, "__qualname__", type(function).__qualname__)
    return f"{home_of(plain)}.{qualified}/{own}"


def plain_function(function: Any) -> Any:
    """The function behind tasks, methods, partials and decorators that say what they wrap."""
    while True:
        if isinstance(function, FunctionType | type):
            inner = vars(function).get("__wrapped__") if isinstance(function, FunctionType) else None
        elif isinstance(function, MethodType | staticmethod | classmethod):
            inner = function.__func__
        elif isinstance(function, partial):
            inner = function.func
        else:
            # A task or a flow. Only what stands in the object itself is asked for: nothing of the author's runs.
            inner = getattr(function, "__dict__", {}).get("fn")
        if inner is None:
            return function
        function = inner


def source_digest(function: Any) -> str:
    """A digest of a function's source, and of what it uses of its own module."""
    plain = plain_function(function)
    if not isinstance(plain, FunctionType):
        call = getattr(type(plain), "__call__", None)  # noqa: B004 - its source is wanted, not whether it can be called
        return source_digest(call) if isinstance(call, FunctionType) else _digest([_text_of(type(plain))])
    found = _known.get(plain)
    if found is None:
        found = _known[plain] = _digest(sorted(_sources(plain)))
    return found


def _digest(texts: list[str]) -> str:
    return blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _sources(function: FunctionType) -> Iterator[str]:
    seen: set[Any] = set()
    pending: list[Any] = [function]
    while pending:
        thing = pending.pop()
        if thing in seen:
            continue
        seen.add(thing)
        yield _text_of(thing)
        for name in (*_names_used(thing), *_decorators_of(thing)):
            used = plain_function(function.__globals__.get(name))
            if isinstance(used, FunctionType | type) and used.__module__ == function.__module__:
                pending.append(used)


def _names_used(thing: Any) -> Iterator[str]:
    """Global names in the code of a function, or of the methods of a class."""
    if isinstance(thing, type):
        for value in vars(thing).values():
            plain = plain_function(value)
            if isinstance(plain, FunctionType):
                yield from _names_in(plain.__code__)
        for base in thing.__bases__:
            yield base.__name__
    else:
        yield from _names_in(thing.__code__)


def _decorators_of(thing: Any) -> Iterator[str]:
    """Names in the decorators of a function or class that are not ours: they change what it does."""
    for node in _parsed(thing)[1]:
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                yield part.id


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _text_of(thing: Any) -> str:
    """The source of a function or class without what does not count; its compiled code where there is no source."""
    return _parsed(thing)[0]


def _parsed(thing: Any) -> tuple[str, list[ast.expr]]:
    """The text of `_text_of`, and the decorators that are not ours."""
    try:
        text = textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError):
        return _compiled(thing), []
    try:
        tree = ast.parse(text)
    except SyntaxError:  # a lambda in the middle of an expression, for instance
        return text, []
    others: list[ast.expr] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.decorator_list = [each for each in node.decorator_list if not _is_ours(each)]
            others.extend(node.decorator_list)
    return ast.unparse(tree), others


def _compiled(thing: Any) -> str:
    """What can be told of a function or class without its source: the compiled code, and that of its methods."""
    if isinstance(thing, FunctionType):
        return code_digest(thing)
    methods = {name: plain_function(value) for name, value in vars(thing).items()}
    codes = [f"{name}={code_digest(method)}" for name, method in methods.items() if isinstance(method, FunctionType)]
    return f"{thing.__module__}.{thing.__qualname__} {' '.join(codes)}"


def _is_ours(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in _DECORATORS
