"""The policies, and how they are added up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from levada.cache_policies.hashing import hash_inputs, hash_objects
from levada.cache_policies.sources import name_of, plain_function, source_digest
from levada.core.identity import code_digest

if TYPE_CHECKING:
    from levada.locking.manager import IsolationLevel, LockManager


@dataclass
class CachePolicy:
    """Says which calls share a result. Subclass it and write `compute_key`, or use `from_cache_key_fn`.

    Attributes:
        key_storage: where the records of keys go, when apart from the results: a path or a storage.
        isolation_level: SERIALIZABLE lets one call compute a key while the others wait for its result.
        lock_manager: what they wait with.
    """

    key_storage: Any = None
    isolation_level: IsolationLevel | None = None
    lock_manager: LockManager | None = None

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any] | None, flow_parameters: dict[str, Any] | None, **kwargs: Any
    ) -> str | None:
        """The key of a call; None when it is not to be cached.

        Args:
            task_ctx: the `TaskRunContext` of the call.
            inputs: its arguments by name, futures resolved.
            flow_parameters: the parameters of the flow run around it.
            kwargs: for what later versions may pass.

        Raises:
            HashError: an input cannot be hashed.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to compute a key")

    @classmethod
    def from_cache_key_fn(cls, cache_key_fn: Callable[[Any, dict[str, Any]], str | None]) -> CacheKeyFnPolicy:
        """The policy of a function that is given the task run's context and the arguments."""
        return CacheKeyFnPolicy(cache_key_fn=cache_key_fn)

    def configure(
        self,
        key_storage: Any = None,
        lock_manager: LockManager | None = None,
        isolation_level: IsolationLevel | None = None,
    ) -> CachePolicy:
        """The same policy with its own storage for keys, or with isolation; what is not given stays."""
        given = {"key_storage": key_storage, "lock_manager": lock_manager, "isolation_level": isolation_level}
        return self._with(**{name: value for name, value in given.items() if value is not None})

    def _with(self, **changes: Any) -> CachePolicy:
        # Subclasses need not be dataclasses: a plain copy keeps whatever their constructors made.
        from copy import copy  # lazy: few policies are configured

        changed = copy(self)
        for name, value in changes.items():
            setattr(changed, name, value)
        return changed

    def __add__(self, other: CachePolicy) -> CachePolicy:
        if not isinstance(other, CachePolicy):
            return NotImplemented
        if isinstance(other, NoCache):
            return self
        if isinstance(self, NoCache):
            return other
        return CompoundCachePolicy(
            key_storage=_agreed("storage locations", self.key_storage, other.key_storage),
            isolation_level=_agreed("isolation levels", self.isolation_level, other.isolation_level),
            lock_manager=_agreed("lock implementations", self.lock_manager, other.lock_manager),
            policies=[*_parts(self), *_parts(other)],
        )

    def __sub__(self, other: str) -> CachePolicy:
        if not isinstance(other, str):
            raise TypeError("Can only subtract strings from key policies.")
        return self

    def compute_scoped(self, task_ctx: Any, *values: Any) -> str | None:
        """A key from values and the task's name, for policies of your own that should not be shared between tasks."""
        return hash_objects(name_of(task_ctx), *values)


def _parts(policy: CachePolicy) -> list[CachePolicy]:
    return list(policy.policies) if isinstance(policy, CompoundCachePolicy) else [policy]


def _agreed(what: str, mine: Any, other: Any) -> Any:
    if mine is not None and other is not None and mine != other:
        raise ValueError(f"Cannot add CachePolicies with different {what}.")
    return mine if mine is not None else other


@dataclass
class CacheKeyFnPolicy(CachePolicy):
    """The key that a function makes.

    Attributes:
        cache_key_fn: given the task run's context and the arguments; None from it means: do not cache.
    """

    cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None = None

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any] | None, flow_parameters: dict[str, Any] | None, **kwargs: Any
    ) -> str | None:
        """What the function gives.

        Raises:
            TypeError: it gave neither text nor None.
        """
        if self.cache_key_fn is None:
            return None
        key = self.cache_key_fn(task_ctx, inputs if inputs is not None else {})
        if key is not None and not isinstance(key, str):
            raise TypeError(f"A cache_key_fn returns a string or None, not {key!r}")
        return key


@dataclass
class CompoundCachePolicy(CachePolicy):
    """Several policies at once: calls share a result when all of them agree.

    Attributes:
        policies: the parts; those that give no key do not count.
    """

    policies: list[CachePolicy] = field(default_factory=list)

    def __post_init__(self) -> None:
        flat = [part for policy in self.policies for part in _parts(policy) if not isinstance(part, NoCache)]
        inputs = [part for part in flat if isinstance(part, Inputs)]
        if len(inputs) > 1:  # one for all, so that leaving an argument out holds for the whole
            excluded = list(dict.fromkeys(name for part in inputs for name in part.exclude))
            flat = [part for part in flat if not isinstance(part, Inputs)]
            flat.append(replace(inputs[0], exclude=excluded))
        self.policies = flat

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any] | None, flow_parameters: dict[str, Any] | None, **kwargs: Any
    ) -> str | None:
        """A hash of the parts' keys; None when no part gives one."""
        keys = [
            key
            for policy in self.policies
            if (key := policy.compute_key(task_ctx, inputs, flow_parameters, **kwargs)) is not None
        ]
        return hash_objects(*keys) if keys else None

    def __sub__(self, other: str) -> CachePolicy:
        super().__sub__(other)
        return self._with(policies=[policy - other for policy in self.policies])


@dataclass
class NoCache(CachePolicy):
    """Never cached; added to another policy it changes nothing."""

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any] | None, flow_parameters: dict[str, Any] | None, **kwargs: Any
    ) -> str | None:
        """None."""
        return None


@dataclass
class TaskSource(CachePolicy):
    """The code of the task, and of the functions and classes of its module that it uses.

    See `levada.cache_policies.sources` for what counts.
    """

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any] | None, flow_parameters: dict[str, Any] | None, **kwargs: Any
    ) -> str | None:
        """A hash of the source; None without a task."""
        task = getattr(task_ctx, "task", None)
        return None if task is None else hash_objects(name_of(task_ctx), source_digest(task))


@dataclass
class FlowParameters(CachePolicy):
    """The parameters of the flow run around the task."""

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any] | None, flow_parameters: dict[str, Any] | None, **kwargs: Any
    ) -> str | None:
        """A hash of the parameters; None when there are none."""
        return hash_inputs(flow_parameters, name_of(task_ctx)) if flow_parameters else None


@dataclass
class RunId(CachePolicy):
    """The flow run around the task; the task run itself outside of flows."""

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any] | None, flow_parameters: dict[str, Any] | None, **kwargs: Any
    ) -> str | None:
        """The id of the run, with a hash of the task's name; None without a run."""
        run = _run_of(task_ctx)
        if run is None:
            return None
        name = name_of(task_ctx)
        return f"{run}-{hash_objects(name)}" if name else run


@dataclass
class Inputs(CachePolicy):
    """The values of the arguments.

    Attributes:
        exclude: names of parameters that do not count.
    """

    exclude: list[str] = field(default_factory=list)

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any] | None, flow_parameters: dict[str, Any] | None, **kwargs: Any
    ) -> str | None:
        """A hash of the arguments; None when there are none.

        Raises:
            HashError: an argument cannot be hashed; names it.
        """
        if not inputs:
            return None
        counted = {name: value for name, value in inputs.items() if name not in self.exclude}
        return hash_inputs(counted, name_of(task_ctx))

    def __sub__(self, other: str) -> CachePolicy:
        super().__sub__(other)
        return self._with(exclude=[*self.exclude, other])


def _run_of(task_ctx: Any) -> str | None:
    """The id of the flow run of a context, else of its task run."""
    if task_ctx is None:
        return None
    task_run = getattr(task_ctx, "task_run", None)
    for found in (
        getattr(task_ctx, "run", None),
        getattr(task_run, "flow_run_id", None),
        getattr(task_ctx, "task_id", None),
        getattr(task_run, "id", None),
    ):
        if found:
            return str(UUID(bytes=found)) if isinstance(found, bytes) else str(found)
    return None


def task_input_hash(context: Any, arguments: dict[str, Any]) -> str | None:
    """A `cache_key_fn`: the task, its own code, and its arguments. None when an argument cannot be hashed."""
    task = getattr(context, "task", None)
    function = plain_function(getattr(task, "fn", None))
    return hash_objects(name_of(context), code_digest(function), arguments, raise_on_failure=False)


INPUTS = Inputs()
TASK_SOURCE = TaskSource()
FLOW_PARAMETERS = FlowParameters()
RUN_ID = RunId()
NO_CACHE = NoCache()
NONE = NoCache()
DEFAULT = INPUTS + TASK_SOURCE + RUN_ID
