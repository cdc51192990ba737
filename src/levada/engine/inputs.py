"""The inputs of a call: which futures and states are in them, what they become, and whose results they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from levada.annotations import BaseAnnotation, allow_failure, opaque, quote
from levada.core.errors import UpstreamTaskError
from levada.core.states import State
from levada.engine.lineage import Lineage
from levada.futures import Future

PLAIN = frozenset({int, float, bool, str, bytes, complex, type(None)})
WAIT_FOR = "__wait_for__"


class NotReady(Exception):  # noqa: N818 - a message between functions of the engine
    """An upstream run did not complete, so the call cannot be made."""

    def __init__(self, upstream: str, error: BaseException | None) -> None:
        super().__init__(f"Upstream task run '{upstream}' did not reach a 'COMPLETED' state.")
        self.error = error


class Inputs:
    """What a look at a call's parameters found.

    Attributes:
        futures: every future among them, in order.
        edges: for each parameter the task runs whose results are in it.
        rich: something must be replaced before the function can be called (a future, a state, an annotation).
    """

    __slots__ = ("edges", "futures", "rich")

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []
        self.edges: dict[str, list[bytes]] | None = None
        self.rich = False

    def edge(self, name: str, producer: bytes) -> None:
        """Note that a parameter holds the result of a task run."""
        if self.edges is None:
            self.edges = {}
        found = self.edges.setdefault(name, [])
        if producer not in found:
            found.append(producer)


def look(parameters: dict[str, Any], wait_for: Any, lineage: Lineage | None) -> Inputs:
    """Find futures, states, annotations and tracked objects in a call's parameters."""
    inputs = Inputs()
    for name, value in parameters.items():
        if value.__class__ not in PLAIN:
            _look_at(value, name, inputs, lineage, set(), 0)
    if wait_for is not None:
        for item in _listed(wait_for):
            _look_at(item, WAIT_FOR, inputs, lineage, set(), 0)
    return inputs


def _listed(wait_for: Any) -> list[Any]:
    return list(wait_for) if isinstance(wait_for, (list, tuple, set, frozenset)) else [wait_for]


def _look_at(value: Any, name: str, inputs: Inputs, lineage: Lineage | None, seen: set[int], depth: int) -> None:
    kind = value.__class__
    if kind in PLAIN or id(value) in seen:
        return
    if isinstance(value, Future):
        inputs.rich = True
        inputs.futures.append(value)
        inputs.edge(name, value.task_run_id.bytes)
        return
    if isinstance(value, State):
        inputs.rich = True
        origin = value.details.task_run_id if value.has_details else None
        if origin is not None:
            inputs.edge(name, origin.bytes)
        return
    if isinstance(value, BaseAnnotation):
        inputs.rich = True
        if not isinstance(value, quote):
            _look_at(value.unwrap(), name, inputs, lineage, seen, depth)
        return
    if lineage is not None:
        producer = lineage.producer_of(value)
        if producer is not None:
            inputs.edge(name, producer)
    children = _children(value)
    if children:
        seen.add(id(value))
        for child in children:
            _look_at(child, name, inputs, lineage, seen, depth + 1)


def _children(value: Any) -> Any:
    """The values inside a collection, a dataclass or a model; nothing for anything else, however iterable."""
    kind = type(value)  # not __class__, which may say anything
    if kind in (list, tuple, set, frozenset):
        return None if PLAIN.issuperset(map(type, value)) else value
    if kind is dict:
        values = value.values()
        plain = PLAIN.issuperset(map(type, values)) and PLAIN.issuperset(map(type, value))
        return None if plain else [*value.keys(), *values]
    if issubclass(kind, (list, tuple, set, frozenset)):
        return list(value)
    if issubclass(kind, dict):
        return [*value.keys(), *value.values()]
    fields = getattr(kind, "__dataclass_fields__", None) or getattr(kind, "model_fields", None)
    if fields is not None and not issubclass(kind, type):
        return [getattr(value, name) for name in fields if hasattr(value, name)]
    return None


def resolve(value: Any, of_future: Callable[[Any, bool], Any]) -> Any:
    """The same value with every future and state replaced and every annotation taken off; copies only what changes.

    Args:
        value: anything.
        of_future: gives the replacement of a future or state; its second argument says that failures are allowed.
    """
    return _resolve(value, of_future, False, {})


def _resolve(value: Any, of_future: Callable[[Any, bool], Any], allowed: bool, seen: dict[Any, Any]) -> Any:
    if value.__class__ in PLAIN:
        return value
    if isinstance(value, (Future, State)):
        return of_future(value, allowed)
    if isinstance(value, BaseAnnotation):
        if isinstance(value, quote):
            return value.unwrap()
        inner = value.unwrap()
        if isinstance(value, opaque):
            return of_future(inner, allowed) if isinstance(inner, (Future, State)) else inner
        return _resolve(inner, of_future, allowed or isinstance(value, allow_failure), seen)
    key = (id(value), allowed)
    if key in seen:
        return seen[key]
    if not (children := _children(value)):
        return value
    seen[key] = value  # what holds itself
    replaced = [_resolve(child, of_future, allowed, seen) for child in children]
    if any(new is not old for new, old in zip(replaced, children, strict=True)):
        seen[key] = _rebuild(value, replaced)
    return seen[key]


def _rebuild(value: Any, parts: list[Any]) -> Any:
    kind = value.__class__
    if isinstance(value, dict):
        half = len(parts) // 2
        pairs = dict(zip(parts[:half], parts[half:], strict=True))
        if kind is dict:
            return pairs
        copied = _copy(value)
        copied.clear()
        copied.update(pairs)
        return copied
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return kind(*parts)
    if isinstance(value, (list, tuple, set, frozenset)):
        return kind(parts)
    copied = _copy(value)
    fields = getattr(kind, "__dataclass_fields__", None) or kind.model_fields
    names = [name for name in fields if hasattr(value, name)]
    for name, part in zip(names, parts, strict=True):
        object.__setattr__(copied, name, part)
    return copied


def _copy(value: Any) -> Any:
    import copy  # lazy: only parameters that hold futures inside models pay for it

    return copy.copy(value)


def result_for_input(source: Any, allowed: bool) -> Any:
    """What a finished future or a state becomes as an argument.

    Raises:
        NotReady: it did not complete, and that was not allowed.
    """
    state = source.state if isinstance(source, Future) else source
    if state.is_completed():
        return state.result()
    if allowed and state.is_failed():
        return state.result(raise_on_failure=False)
    raise not_ready(source, state)


def not_ready(source: Any, state: State) -> NotReady:
    """Why a call that needed this upstream run cannot be made."""
    run = state.details.task_run_id or state.details.flow_run_id or state
    name = getattr(source, "name", None) if isinstance(source, Future) else None
    error = state.result(raise_on_failure=False) if state.is_failed() or state.is_crashed() else None
    return NotReady(name or str(run), error if isinstance(error, BaseException) else None)


def check_wait_for(wait_for: Any) -> None:
    """Make sure that everything waited for completed.

    Raises:
        NotReady: something did not, and `allow_failure` was not said.
    """
    for item in _listed(wait_for):
        resolve(item, result_or_state)


def result_or_state(source: Any, allowed: bool) -> Any:
    """`result_for_input` for pure ordering: the value itself is not read."""
    state = source.state if isinstance(source, Future) else source
    if state.is_completed() or (allowed and state.is_failed()):
        return None
    raise not_ready(source, state)


def upstream_error(reason: NotReady) -> UpstreamTaskError:
    """The error that an inline call raises when its upstream failed."""
    error = UpstreamTaskError(str(reason))
    error.__cause__ = reason.error
    return error
