"""`map`: one task over many inputs, all at once or as a stream."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from levada.annotations import BaseAnnotation, allow_failure, quote, unmapped
from levada.core.errors import MappingLengthMismatch, MappingMissingIterable
from levada.core.identity import call_identity, digest_inputs, mapped_scope
from levada.engine import observers
from levada.engine.calls import scope_of
from levada.engine.context import flow_var, task_var
from levada.engine.submission import Submission, prepare
from levada.futures import Future, FutureList

_TEXT = (str, bytes, bytearray)
_Item = tuple[dict[str, Any], dict[str, Any]]
"""All parameters of an item, and those among them that were spread."""


def map_task(
    task: Any,
    runner: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    return_state: bool,
    wait_for: Any,
    *,
    max_in_flight: int | None,
    batch: int,
) -> Any:
    """What `Task.map` does; the arguments are explained there."""
    if max_in_flight is not None and max_in_flight < 1:
        raise ValueError(f"max_in_flight must be at least 1, got {max_in_flight}")
    if batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    if max_in_flight is not None:
        spread, fixed = _split(task, task.signature.bind(args, kwargs, apply_defaults=False))
        items = ((_whole(task, fixed, given), given) for given in _zipped(spread))
        return MapStream(task, runner, items, wait_for, max_in_flight)
    listed = _items(task, args, kwargs)
    if observers.active:
        observers.submitted(task.name, len(listed))
    futures: FutureList[Any] = FutureList(_submitted(task, runner, listed, wait_for, batch))
    return _states(futures) if return_state else futures


def map_delayed(
    task: Any, delayer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], return_state: bool, wait_for: Any
) -> Any:
    """What `Task.map` does with `deferred=True`."""
    futures = delayer.map([parameters for parameters, _ in _items(task, args, kwargs)], wait_for)
    return _states(futures) if return_state else futures


def _states(futures: FutureList[Any]) -> list[Any]:
    futures.wait()
    return [future.state for future in futures]


def _items(task: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[_Item]:
    """The items of a call to map, all at once.

    Raises:
        MappingLengthMismatch: the iterables differ in length.
        MappingMissingIterable: there is none.
    """
    spread, fixed = _split(task, task.signature.bind(args, kwargs, apply_defaults=False))
    columns = {name: _listed(values) for name, values in spread.items()}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise MappingLengthMismatch(
            "Received iterable parameters with different lengths. Parameters for map must all be the same length. "
            f"Got lengths: {lengths}"
        )
    return [(_whole(task, fixed, given), given) for given in _zipped(columns)]


def _submitted(task: Any, runner: Any, listed: list[_Item], wait_for: Any, batch: int) -> Iterator[Future[Any]]:
    prepared = _prepared(task, listed, wait_for)
    if batch == 1:
        yield from map(runner.submit_prepared, prepared)
        return
    group: list[Submission] = []
    for submission in prepared:
        group.append(submission)
        if len(group) == batch:
            yield from runner.submit_batch(group)
            group = []
    if group:
        yield from runner.submit_batch(group)


def _prepared(task: Any, items: Iterable[_Item], wait_for: Any) -> Iterator[Submission]:
    """Calls of the items, each told from the others by the map, what was spread to it, and its index."""
    map_id: bytes | None = None
    for index, (parameters, given) in enumerate(items):
        if map_id is None:
            map_id = _map_id(task, parameters)
        yield prepare(task, parameters, wait_for, item=(map_id, index, given))


def _map_id(task: Any, first: dict[str, Any]) -> bytes:
    """Which call to map this is: the first item and how often a map began like this in its scope."""
    flow = flow_var.get()
    identity = call_identity(scope_of(task_var.get()), f"map:{task.call_name}", digest_inputs(first).data)
    return mapped_scope(identity, 0 if flow is None else flow.graph.occurrence(identity))


def _split(task: Any, parameters: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters to spread, by (name) or (name, key) for variable keywords, and those that stay whole."""
    spread: dict[str, Any] = {}
    fixed: dict[str, Any] = {}
    varkw = task.signature.variable_keywords
    for name, value in parameters.items():
        if name == varkw:
            for key, item in value.items():
                _put(f"**{key}", item, spread, fixed)
        elif name != task.signature.variable_positional or value:
            _put(name, value, spread, fixed)
    if not spread:
        raise MappingMissingIterable(
            "No iterable parameters were received. Parameters for map must include at least one iterable. "
            f"Parameters: {parameters}"
        )
    return spread, fixed


def _put(name: str, value: Any, spread: dict[str, Any], fixed: dict[str, Any]) -> None:
    inner = value
    if isinstance(value, unmapped):
        fixed[name] = value.unwrap()
        return
    if isinstance(value, quote):
        fixed[name] = value
        return
    wrap: Any = None
    if isinstance(value, allow_failure):
        inner, wrap = value.unwrap(), allow_failure
    if isinstance(inner, BaseAnnotation):
        inner = inner.unwrap()
    if isinstance(inner, Future):
        inner = inner.result()
    if isinstance(inner, _TEXT) or not hasattr(inner, "__iter__"):
        fixed[name] = value
    else:
        spread[name] = inner if wrap is None else [wrap(item) for item in inner]


def _listed(values: Any) -> Any:
    return values if isinstance(values, (list, tuple, range)) else list(values)


def _zipped(columns: dict[str, Any]) -> Iterator[dict[str, Any]]:
    names = list(columns)
    missing = object()
    iterators = [iter(columns[name]) for name in names]
    while True:
        row = [next(iterator, missing) for iterator in iterators]
        ended = [value is missing for value in row]
        if all(ended):
            return
        if any(ended):
            short = [name for name, over in zip(names, ended, strict=True) if over]
            raise MappingLengthMismatch(
                "Received iterable parameters with different lengths. Parameters for map must all be the same length. "
                f"These ended first: {short}"
            )
        yield dict(zip(names, row, strict=True))


def _whole(task: Any, fixed: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """All parameters of one item, in the function's order, defaults filled in."""
    signature = task.signature
    merged = {**fixed, **given}
    extra = {name[2:]: value for name, value in merged.items() if name.startswith("**")}
    result: dict[str, Any] = {}
    for name in signature.names:
        if name == signature.variable_keywords:
            result[name] = extra
        elif name in merged:
            value = merged[name]
            several = name == signature.variable_positional
            result[name] = (tuple(value) if hasattr(value, "__iter__") else (value,)) if several else value
        elif name in signature.defaults:
            result[name] = signature.defaults[name]
        elif name == signature.variable_positional:
            result[name] = ()
    return result


class MapStream:
    """A lazy map: futures in order, at most `max_in_flight` submitted and not yet taken.

    Iterate over it (or `async for`) to take futures as you need them; `result()` takes them all and gives the list of
    results; `wait()` takes them all and keeps nothing, so that a million items run in constant memory.
    """

    def __init__(self, task: Any, runner: Any, items: Iterable[_Item], wait_for: Any, max_in_flight: int) -> None:
        self._runner = runner
        self._prepared = _prepared(task, items, wait_for)
        self._limit = max_in_flight
        self._window: deque[Future[Any]] = deque()
        self._exhausted = False
        self._filling = threading.Lock()
        flow = flow_var.get()
        if flow is not None:
            flow.graph.streams.append(self)
        self._fill()

    def _fill(self) -> None:
        with self._filling:
            while not self._exhausted and len(self._window) < self._limit:
                submission = next(self._prepared, None)
                if submission is None:
                    self._exhausted = True
                else:
                    self._window.append(self._runner.submit_prepared(submission))

    def __iter__(self) -> Iterator[Future[Any]]:
        while True:
            self._fill()
            if not self._window:
                return
            self._window[0].wait()
            yield self._window.popleft()

    async def __aiter__(self) -> Any:
        while True:
            self._fill()
            if not self._window:
                return
            await self._window[0].wait_async()
            yield self._window.popleft()

    def wait(self) -> None:
        """Run all items; nothing is kept."""
        for _ in self:
            pass

    def result(self, raise_on_failure: bool = True) -> list[Any]:
        """Run all items and give what they returned, in order.

        Raises:
            Exception: of the first item that failed, unless `raise_on_failure` is False.
        """
        return [future.result(raise_on_failure=raise_on_failure) for future in self]

    def results(self, raise_on_failure: bool = True) -> Iterator[Any]:
        """Like `result`, one at a time."""
        for future in self:
            yield future.result(raise_on_failure=raise_on_failure)
