"""Tasks: functions whose every call is recorded, retried, cached, timed and shown.

Call a task like the function it is, inside a flow or outside; `submit` it to run beside other work; `map` it over
many inputs; `delay` it to a process that serves it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload

from levada.annotations import NotSet
from levada.core.errors import ConfigurationError
from levada.core.identity import home_of
from levada.core.retries import RetryPolicy
from levada.core.states import State
from levada.definition import Definition, check_hooks, description_of, hooks_for_state, name_of, persistence, short
from levada.engine import session as sessions

if TYPE_CHECKING:
    from levada.task_runs import DelayedFuture, Delayer

P = ParamSpec("P")
R = TypeVar("R")

_NO_TAGS: frozenset[str] = frozenset()
HOOKS = ("on_completion", "on_failure", "on_running", "on_cancellation", "on_crashed", "on_commit", "on_rollback")


class Task(Definition, Generic[P, R]):
    """A function that runs as a task.

    Made by the `task` decorator; the options are documented there. Every option is an attribute of the same name.
    """

    kind = "task"
    hook_names = HOOKS

    def __init__(
        self,
        fn: Callable[P, R],
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        version: str | None = None,
        cache_policy: Any = NotSet,
        cache_key_fn: Callable[..., str | None] | None = None,
        cache_expiration: timedelta | None = None,
        task_run_name: str | Callable[..., str] | None = None,
        retries: int | None = None,
        retry_delay_seconds: Any = None,
        retry_jitter_factor: float | None = None,
        retry: Any = None,
        persist_result: bool | None = None,
        result_storage: Any = None,
        result_serializer: Any = None,
        result_storage_key: str | None = None,
        cache_result_in_memory: bool = True,
        timeout_seconds: float | None = None,
        log_prints: bool | None = None,
        refresh_cache: bool | None = None,
        on_completion: Iterable[Any] | None = None,
        on_failure: Iterable[Any] | None = None,
        on_running: Iterable[Any] | None = None,
        on_cancellation: Iterable[Any] | None = None,
        on_crashed: Iterable[Any] | None = None,
        on_rollback: Iterable[Any] | None = None,
        on_commit: Iterable[Any] | None = None,
        retry_condition_fn: Callable[..., Any] | None = None,
        call_key: str | Callable[[dict[str, Any]], str] | None = None,
        viz_return_value: Any = None,
        asset_deps: Any = None,
    ) -> None:
        self.options: dict[str, Any] = {
            key: value for key, value in locals().items() if key not in ("self", "fn", "__class__")
        }
        self.adopt(fn)
        self.name = name if name is not None else name_of(fn)
        self.description = description if description is not None else description_of(fn)
        self.version = version
        self.tags: frozenset[str] = frozenset(tags) if tags else _NO_TAGS
        self.task_run_name = task_run_name
        self.check_run_name(task_run_name, "task_run_name")
        self.timeout_seconds = float(timeout_seconds) if timeout_seconds else None
        self.log_prints = log_prints
        self.cache_result_in_memory = cache_result_in_memory
        self.viz_return_value = viz_return_value
        self.asset_deps = list(asset_deps or [])
        self.call_key = call_key
        if isinstance(call_key, str):
            self.check_run_name(call_key, "call_key")
        self._set_retries(retries, retry_delay_seconds, retry_jitter_factor, retry, retry_condition_fn)
        self._set_caching(cache_policy, cache_key_fn, cache_expiration, refresh_cache)
        self._set_results(persist_result, result_storage, result_serializer, result_storage_key)
        self._set_hooks(self.options)
        qualified = getattr(self.fn, "__qualname__", self.name).replace("<locals>.", "")
        self.call_name = f"{home_of(self.fn)}.{qualified}/{self.name}"

    def _set_retries(self, retries: Any, delay: Any, jitter: Any, rules: Any, condition: Any) -> None:
        if retries is None or delay is None:
            defaults = _settings_tasks()
            # A default of none is nobody's wish: rules without a limit then ask to be told how often.
            retries = (defaults.default_retries or None) if retries is None else retries
            delay = defaults.default_retry_delay_seconds if delay is None else delay
        self.retry_policy = RetryPolicy.build(retries, delay, jitter, rules)
        self.retries: int = self.retry_policy.limit
        self.most_retries = self.retry_policy.most_retries
        self.retry_delay_seconds = list(self.retry_policy.delays) if callable(delay) else delay
        self.retry_jitter_factor = jitter
        if condition is not None and not callable(condition):
            raise TypeError(f"Expected `retry_condition_fn` to be callable, got {type(condition).__name__} instead.")
        self.retry_condition_fn = condition

    def _set_caching(self, policy: Any, key_fn: Any, expiration: Any, refresh: Any) -> None:
        self.cache_key_fn = key_fn
        self.cache_expiration = expiration
        self.refresh_cache = refresh
        self._asked_for_policy = key_fn is not None or policy is not NotSet
        if key_fn is not None:
            from levada.cache_policies import CachePolicy  # lazy: only cached tasks need it

            policy = CachePolicy.from_cache_key_fn(key_fn)
        self._policy = policy

    @property
    def cache_policy(self) -> Any:
        """How the task's cache key is made; `DEFAULT` unless the author said otherwise."""
        from levada.cache_policies import DEFAULT, NO_CACHE  # lazy: only cached tasks need it

        if self._policy is NotSet:
            if self.result_storage_key is not None:
                return None
            return NO_CACHE if self.persist_result is False or _settings_tasks().default_no_cache else DEFAULT
        if self._policy is None or self.persist_result is False:
            return NO_CACHE
        return self._policy

    def _set_results(self, persist: bool | None, storage: Any, serializer: Any, key: str | None) -> None:
        self.result_storage = storage
        self.result_serializer = serializer
        self.result_storage_key = key
        asked = self._asked_for_policy and _caches(self._policy)
        if persist is None and (asked or any(given is not None for given in (storage, serializer, key))):
            persist = True
        if persist is False and asked:
            import warnings  # lazy: only this contradiction needs it

            warnings.warn(
                f"Task {self.name!r} asks for a cache and has persist_result=False: nothing will be cached.",
                stacklevel=4,
            )
        self.persist_result = persist

    def _set_hooks(self, given: dict[str, Any]) -> None:
        for name in HOOKS:
            setattr(self, f"{name}_hooks", check_hooks(name, given.get(name), self.kind))
        self.hooks_changed()

    on_completion_hooks: list[Any]
    on_failure_hooks: list[Any]
    on_running_hooks: list[Any]
    on_cancellation_hooks: list[Any]
    on_crashed_hooks: list[Any]
    on_commit_hooks: list[Any]
    on_rollback_hooks: list[Any]

    def hooks_changed(self) -> None:
        """Note whether anything is to be called, so that calls of tasks without hooks need not look."""
        self.has_end_hooks = bool(
            self.on_completion_hooks or self.on_failure_hooks or self.on_cancellation_hooks or self.on_crashed_hooks
        )
        self.transactional = bool(self.on_commit_hooks or self.on_rollback_hooks)

    # What the engine asks.

    def hooks_for(self, state: State) -> list[Any]:
        """The hooks that a final state calls."""
        return hooks_for_state(self, state)

    def shown(self, parameters: dict[str, Any]) -> dict[str, str] | None:
        """Parameters as short text for people."""
        return short(parameters)

    def name_run(self, parameters: dict[str, Any]) -> Any:
        """The run name that the author's template or function makes."""
        return self.make_run_name(self.task_run_name, parameters)

    def persists(self, parent: Any) -> bool | None:
        """Whether the result goes to result storage under a key of its own (None: wherever it fits)."""
        if self.persist_result is not None:
            return self.persist_result
        settings = sessions.current().settings
        default = settings.tasks.default_persist_result
        if default is None and settings.results.persist_by_default:
            default = True
        return persistence(None, parent, default)

    @staticmethod
    def in_transaction() -> bool:
        """Whether the call stands inside an open transaction, whose part it then is."""
        law = sys.modules.get("levada.transactions.law")
        return law is not None and law.current() is not None

    @property
    def task_key(self) -> str:
        """Qualified name and digest of the code."""
        return f"{getattr(self.fn, '__qualname__', self.name).rpartition('.')[2]}-{self.code[:8]}"

    @property
    def source_code(self) -> str | None:
        """The function's source, when it can be found."""
        import inspect  # lazy: only those who look at sources need it

        try:
            return inspect.getsource(self.fn)
        except (OSError, TypeError):
            return None

    # What authors call.

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(self, *args: Any, return_state: Literal[True], wait_for: Any = None, **kwargs: Any) -> State: ...

    def __call__(  # type: ignore[misc]  # a function cannot have parameters of these names (ReservedArgumentError)
        self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any
    ) -> Any:
        """Run the task here and now.

        Args:
            args: for the function; futures and states in them become their results.
            return_state: give the final state instead of the result, and never raise for a failure.
            wait_for: futures that must complete first.
            kwargs: for the function.

        Returns:
            What the function returns; a coroutine for it if the function is async; a generator if it is one.

        Raises:
            UpstreamTaskError: an input did not complete.
            Exception: what the function raised in its last attempt.
        """
        from levada.calling import call_task  # lazy: the engine is loaded by the first call

        return call_task(self, args, kwargs, return_state, wait_for)

    def submit(self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any) -> Any:
        """Hand the task to the flow's task runner and go on.

        Args:
            args: for the function; futures in them are waited for without occupying a worker.
            return_state: wait, and give the final state instead of a future.
            wait_for: futures that must complete first.
            kwargs: for the function.

        Raises:
            MissingContextError: called outside a flow.
        """
        from levada.calling import flow_for, runner_of  # lazy: as in __call__

        flow = flow_for(self, "submit")
        parameters = self.signature.bind(args, kwargs)
        future = runner_of(flow).submit(self, parameters, wait_for=wait_for)
        if return_state:
            future.wait()
            return future.state
        return future

    def map(
        self,
        *args: Any,
        return_state: bool = False,
        wait_for: Any = None,
        deferred: bool = False,
        max_in_flight: int | None = None,
        batch: int = 1,
        **kwargs: Any,
    ) -> Any:
        """Submit the task once for each item of its iterable arguments.

        Args:
            args: for the function; every iterable that is not text, bytes or `unmapped(...)` is spread.
            return_state: wait, and give the list of final states.
            wait_for: futures that must complete before any item starts.
            deferred: hand the items over as `delay` does, from inside a flow or outside.
            max_in_flight: submit lazily, at most so many items at a time ahead of who consumes them; the result is
                then a stream of futures in order, which takes constant memory for any number of items.
            batch: how many consecutive items go to a worker together; each is a task run of its own.
            kwargs: for the function.

        Raises:
            MappingLengthMismatch: the iterables differ in length.
            MappingMissingIterable: there is none.
            MissingContextError: called outside a flow, and not deferred.
        """
        from levada.calling import flow_for, runner_of  # lazy: as in __call__
        from levada.mapping import map_delayed, map_task  # lazy: only those who map need it

        if deferred:
            return map_delayed(self, self.delay_options(), args, kwargs, return_state, wait_for)
        flow = flow_for(self, "map")
        return map_task(
            self, runner_of(flow), args, kwargs, return_state, wait_for, max_in_flight=max_in_flight, batch=batch
        )

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> DelayedFuture[R]:
        """Hand the call to a process that serves the task, from anywhere, and go on.

        The call is recorded by the control plane before this returns: it waits until somebody serves the task
        (`serve`, ``levada task serve``). Inside a flow a call is delayed once, however often the flow is taken up
        again. A call whose process dies is executed again as often as the task has `retries`; see `delay_options`.

        Args:
            args: for the function; they are pickled. Futures in them are waited for first.
            kwargs: for the function.

        Raises:
            SerializationError: an argument cannot be pickled.
            UpstreamTaskError: an input did not complete.
            ServerUnavailable: the configured server does not answer; the call is not made.
        """
        return self.apply_async(args, kwargs)

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> DelayedFuture[R]:
        """`delay` for coroutines: the event loop goes on while the control plane is told."""
        import asyncio  # lazy: only async authors pay for it

        return await asyncio.to_thread(self.apply_async, args, kwargs)

    def apply_async(
        self,
        args: Iterable[Any] = (),
        kwargs: dict[str, Any] | None = None,
        wait_for: Any = None,
        dependencies: Any = None,
    ) -> DelayedFuture[R]:
        """`delay` with the arguments as a tuple and a dict.

        Args:
            args: positional arguments.
            kwargs: arguments by name.
            wait_for: futures that must complete before the call is handed over; they are waited for here.
            dependencies: not looked at; the results of futures among the arguments are passed on.
        """
        del dependencies
        return self.delay_options().apply_async(args, kwargs, wait_for)

    def delay_options(
        self,
        *,
        name: str | None = None,
        idempotency_key: str | None = None,
        scheduled_time: datetime | None = None,
        delay_seconds: float | None = None,
        priority: int = 0,
        crash_retries: int | None = None,
        tags: Iterable[str] = (),
    ) -> Delayer:
        """Say how a call is delayed: ``task.delay_options(delay_seconds=60).delay(1)``.

        Args:
            name: of its flow run.
            idempotency_key: calls of the task with the same key are one call.
            scheduled_time: when it is due, with a time zone; now unless given.
            delay_seconds: due so many seconds from now.
            priority: higher ones of a task are taken first.
            crash_retries: how often it is executed again when its process is gone; the task's `retries` unless given.
                0: at most once.
            tags: of its flow run.
        """
        from levada.task_runs.delaying import Delayer, DelayOptions  # lazy: only tasks that are delayed need it

        if delay_seconds is not None and scheduled_time is not None:
            raise ConfigurationError("Say either `delay_seconds` or `scheduled_time`, not both.")
        if scheduled_time is not None and scheduled_time.tzinfo is None:
            raise ConfigurationError("`scheduled_time` has no time zone, so nobody knows when the call is due.")
        options = DelayOptions(
            name=name,
            idempotency_key=idempotency_key,
            scheduled_time=scheduled_time,
            delay_seconds=delay_seconds,
            priority=priority,
            crash_retries=crash_retries,
            tags=tuple(tags),
        )
        return Delayer(self, options)

    def serve(self, *, limit: int | None = 10, status_server_port: int | None = None, **_: Any) -> None:
        """Execute delayed calls of this task in this process, until Ctrl-C or SIGTERM; see `levada.task_worker.serve`.

        Args:
            limit: how many calls at once; None: any number.
            status_server_port: answer at this port of this machine whether the process works.
        """
        from levada.task_worker import serve  # lazy: only processes that serve tasks need it

        serve(self, limit=limit, status_server_port=status_server_port)

    def with_options(self, **options: Any) -> Task[P, R]:
        """The same task with other options; those not given stay, and None or an empty value clears.

        Raises:
            TypeError: there is no such option.
        """
        # A new policy replaces the key function, and the other way round.
        kept_as: dict[str, Any] = {}
        if options.get("cache_policy", NotSet) is not NotSet:
            kept_as["cache_key_fn"] = None
        elif options.get("cache_key_fn", NotSet) is not NotSet:
            kept_as["cache_policy"] = NotSet
        made: Task[P, R] = self.changed(options, **kept_as)
        return made

    def on_completion(self, fn: Any) -> Any:
        """Call `fn(task, task_run, state)` when a run completes; also from the cache."""
        return self.add_hook("on_completion", fn)

    def on_failure(self, fn: Any) -> Any:
        """Call `fn(task, task_run, state)` when a run has failed for good."""
        return self.add_hook("on_failure", fn)

    def on_running(self, fn: Any) -> Any:
        """Call `fn(task, task_run, state)` when an attempt starts."""
        return self.add_hook("on_running", fn)

    def on_cancellation(self, fn: Any) -> Any:
        """Call `fn(task, task_run, state)` when a run is cancelled."""
        return self.add_hook("on_cancellation", fn)

    def on_crashed(self, fn: Any) -> Any:
        """Call `fn(task, task_run, state)` when a run crashes."""
        return self.add_hook("on_crashed", fn)

    def on_commit(self, fn: Any) -> Any:
        """Call `fn(transaction)` when the transaction of a run commits."""
        return self.add_hook("on_commit", fn)

    def on_rollback(self, fn: Any) -> Any:
        """Call `fn(transaction)` when the transaction of a run is rolled back."""
        return self.add_hook("on_rollback", fn)

    def __repr__(self) -> str:
        return f"Task({self.name!r})"


def _caches(policy: Any) -> bool:
    """Whether a policy that the author named ever gives a key."""
    if policy is NotSet:
        return False
    from levada.cache_policies import NO_CACHE  # lazy: only cached tasks need it

    return policy is not None and policy != NO_CACHE


def _settings_tasks() -> Any:
    from levada.settings import get_current_settings  # lazy: read when the first task is defined

    return get_current_settings().tasks


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(**options: Any) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def task(fn: Any = None, /, **options: Any) -> Any:
    """Make a function a task.

    Args:
        fn: the function: sync, async, a generator or an async generator, or a method.
        **options: all optional.

            - name: default the function's name.
            - description: default its docstring.
            - tags: also the names of concurrency limits ``tag:<tag>``, whose slots each run holds.
            - version.
            - task_run_name: template over the parameters, or a function.
            - retries, retry_delay_seconds (seconds, list, or function of the retry count), retry_jitter_factor,
              retry (rules by exception, see `levada.retries`), retry_condition_fn(task, task_run, state).
            - timeout_seconds: of one attempt.
            - cache_policy, cache_key_fn(context, parameters), cache_expiration (timedelta), refresh_cache.
            - persist_result, result_storage, result_serializer, result_storage_key (template): where and how results
              are kept. Without any of them small results are kept with the run's records.
            - cache_result_in_memory, log_prints.
            - on_running, on_completion, on_failure, on_cancellation, on_crashed: lists of hooks
              (task, task_run, state); on_commit, on_rollback: lists of hooks (transaction).
            - call_key: template over the parameters, or a function of them: what tells this call from others when a
              run is resumed, instead of its inputs.

    Raises:
        DefinitionError: an option or a parameter name that cannot work.
        TypeError: an option that does not exist, or is not of its type.
    """
    if fn is None:
        return lambda function: Task(function, **options)
    return Task(fn, **options)


def exponential_backoff(backoff_factor: float) -> Any:
    """Delays that double, for `retry_delay_seconds`: factor, twice it, four times it, … seconds."""
    from levada.core.retries import exponential_backoff as delays  # lazy: only tasks that back off need it

    return delays(backoff_factor)


def task_input_hash(context: Any, arguments: dict[str, Any]) -> str | None:
    """A cache key from a task's code and arguments, for `cache_key_fn`."""
    from levada.cache_policies import task_input_hash as key  # lazy: only cached tasks need it

    found: str | None = key(context, arguments)
    return found


__all__ = ["Task", "exponential_backoff", "task", "task_input_hash"]
