"""Flows: functions whose runs are recorded from start to end, with every task and subflow called inside."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload
from uuid import UUID

from levada.core.errors import DefinitionError, ParameterTypeError, SignatureMismatchError
from levada.core.identity import content_digest
from levada.core.naming import check_name
from levada.core.retries import RetryPolicy
from levada.core.states import State
from levada.definition import Definition, check_hooks, description_of, hooks_for_state, name_of, persistence, short
from levada.engine import session as sessions
from levada.parameters import sealed

if TYPE_CHECKING:
    from levada.deployments.deployment import Deployment
    from levada.runner.storage import Storage

P = ParamSpec("P")
R = TypeVar("R")

HOOKS = ("on_completion", "on_failure", "on_cancellation", "on_crashed", "on_running")


class Flow(Definition, Generic[P, R]):
    """A function that runs as a flow.

    Made by the `flow` decorator; the options are documented there. Every option is an attribute of the same name.
    """

    kind = "flow"
    hook_names = HOOKS
    call_key = None
    tags: frozenset[str] = frozenset()

    def __init__(
        self,
        fn: Callable[P, R],
        *,
        name: str | None = None,
        version: str | None = None,
        flow_run_name: str | Callable[..., str] | None = None,
        retries: int | None = None,
        retry_delay_seconds: Any = None,
        retry_jitter_factor: float | None = None,
        retry: Any = None,
        retry_condition_fn: Callable[..., Any] | None = None,
        task_runner: Any = None,
        description: str | None = None,
        timeout_seconds: float | None = None,
        validate_parameters: bool = True,
        persist_result: bool | None = None,
        result_storage: Any = None,
        result_serializer: Any = None,
        cache_result_in_memory: bool = True,
        log_prints: bool | None = None,
        on_completion: Iterable[Any] | None = None,
        on_failure: Iterable[Any] | None = None,
        on_cancellation: Iterable[Any] | None = None,
        on_crashed: Iterable[Any] | None = None,
        on_running: Iterable[Any] | None = None,
        crash_retries: int = 0,
        env: Any = None,
    ) -> None:
        self.options: dict[str, Any] = {
            key: value for key, value in locals().items() if key not in ("self", "fn", "__class__")
        }
        if name is not None and not isinstance(name, str):
            raise TypeError(f"Expected string for flow parameter 'name'; got {type(name).__name__} instead.")
        self.adopt(fn)
        self.name = check_name("flow", name if name is not None else _default_name(fn))
        self._version = version
        self.description = description if description is not None else description_of(fn)
        self.flow_run_name = flow_run_name
        self.check_run_name(flow_run_name, "flow_run_name")
        self._task_runner = task_runner() if isinstance(task_runner, type) else task_runner
        self.timeout_seconds = float(timeout_seconds) if timeout_seconds else None
        self.should_validate_parameters = validate_parameters
        self.cache_result_in_memory = cache_result_in_memory
        self.log_prints = log_prints
        self.result_storage = result_storage
        self.result_serializer = result_serializer
        if persist_result is None and (result_storage is not None or result_serializer is not None):
            persist_result = True
        self.persist_result = persist_result
        self._set_retries(retries, retry_delay_seconds, retry_jitter_factor, retry)
        self.retry_condition_fn = retry_condition_fn
        self.crash_retries = _crash_retries(crash_retries)
        self.env = env
        self.source: tuple[Storage, str] | None = None
        for hook in HOOKS:
            setattr(self, f"{hook}_hooks", check_hooks(hook, self.options[hook], self.kind))
        self.call_name = f"flow:{self.name}"

    on_completion_hooks: list[Any]
    on_failure_hooks: list[Any]
    on_cancellation_hooks: list[Any]
    on_crashed_hooks: list[Any]
    on_running_hooks: list[Any]

    def _set_retries(self, retries: Any, delay: Any, jitter: Any, rules: Any) -> None:
        if retries is None or delay is None:
            from levada.settings import get_current_settings  # lazy: read when the first flow is defined

            defaults = get_current_settings().flows
            # A default of none is nobody's wish: rules without a limit then ask to be told how often.
            retries = (defaults.default_retries or None) if retries is None else retries
            delay = defaults.default_retry_delay_seconds if delay is None else delay
        self.retry_policy = RetryPolicy.build(retries, delay, jitter, rules)
        self.retries: int = self.retry_policy.limit
        self.most_retries = self.retry_policy.most_retries
        self.retry_delay_seconds = list(self.retry_policy.delays) if callable(delay) else delay
        self.retry_jitter_factor = jitter

    # What the engine asks.

    @property
    def id(self) -> UUID:
        """The flow's id, the same for every flow of this name."""
        from levada.core.ids import flow_id  # lazy: only runs that are looked at need it

        return flow_id(self.name)

    @property
    def version(self) -> str | None:
        """The version given, else a digest of the source file."""
        if self._version is None:
            self._version = _file_digest(self.fn)
        return self._version

    @property
    def entrypoint(self) -> str | None:
        """Where the flow can be loaded from: ``path.py:function``."""
        function = getattr(self.fn, "__func__", self.fn)
        code = getattr(function, "__code__", None)
        qualname = getattr(function, "__qualname__", "")
        if code is None or "<" in qualname or code.co_filename.startswith("<"):
            return None
        return f"{code.co_filename}:{qualname}"

    _entrypoint = entrypoint

    @property
    def task_runner(self) -> Any:
        """What submitted tasks run on; threads unless said otherwise."""
        if self._task_runner is None:
            from levada.task_runners import ThreadPoolTaskRunner  # lazy: only flows that submit need it

            self._task_runner = ThreadPoolTaskRunner()
        return self._task_runner

    def hooks_for(self, state: State) -> list[Any]:
        """The hooks that a final state calls."""
        return hooks_for_state(self, state)

    def shown(self, parameters: dict[str, Any]) -> dict[str, str] | None:
        """Parameters as short text for people."""
        return short(parameters)

    def sealed(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Parameters as they may be written down: secrets are hidden from whoever looks, also those given as text."""
        return sealed(self.signature, parameters)

    def name_run(self, parameters: dict[str, Any]) -> Any:
        """The run name that the author's template or function makes."""
        return self.make_run_name(self.flow_run_name, parameters)

    def persists(self, parent: Any) -> bool | None:
        """Whether the result goes to result storage under a key of its own (None: wherever it fits)."""
        default = sessions.current().settings.results.persist_by_default
        return persistence(self.persist_result, parent, True if default else None)

    def store_for(self, parent: Any, session: Any) -> Any:
        """The result store of the flow's runs and of what they call; None for the session's own."""
        inherited = None if parent is None else parent.result_store
        if self.result_storage is None and self.result_serializer is None:
            return inherited
        return (inherited or session.results).update_for_flow(self)

    def storage_key(self, ctx: Any) -> str:
        """Under which key the result of a run is kept."""
        return f"flow-{ctx.run.hex()}"

    # What authors call.

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(self, *args: Any, return_state: Literal[True], wait_for: Any = None, **kwargs: Any) -> State: ...

    def __call__(  # type: ignore[misc]  # a function cannot have parameters of these names (ReservedArgumentError)
        self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any
    ) -> Any:
        """Run the flow here and now; as a subflow when called inside another flow.

        Args:
            args: for the function, checked against and turned into their annotations.
            return_state: give the final state instead of the result, and never raise for a failure.
            wait_for: futures that must complete first.
            kwargs: for the function.

        Returns:
            What the function returns, futures in it as states; a coroutine for it if the function is async; a
            generator if it is one.

        Raises:
            ParameterBindError: the arguments do not fit the signature; nothing is recorded.
            ParameterTypeError: an argument does not fit its annotation.
            Exception: what the function raised in its last attempt.
        """
        from levada.calling import run_flow  # lazy: the engine is loaded by the first call

        parameters = self.signature.bind(args, kwargs)
        return run_flow(self, parameters, return_state=return_state, wait_for=wait_for)

    def with_options(self, **options: Any) -> Flow[P, R]:
        """The same flow with other options; those not given stay, and None or an empty value clears.

        Raises:
            TypeError: there is no such option.
        """
        made: Flow[P, R] = self.changed(options)
        made.source = self.source
        return made

    @property
    def parameters(self) -> Any:
        """The JSON schema of the parameters, for forms and checks: title, type, properties, required, definitions."""
        from levada.validation import parameter_schema  # lazy: pydantic is imported only when the schema is asked for

        return parameter_schema(self.signature)

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Parameters checked against and turned into their annotations.

        Raises:
            SignatureMismatchError: a name is not a parameter of the function.
            ParameterTypeError: a value does not fit, or a required one is missing.
        """
        unknown = set(parameters) - set(self.signature.names)
        if unknown:
            raise SignatureMismatchError(
                f"Function expects parameters {list(self.signature.names)} but was provided with parameters "
                f"{list(parameters)}"
            )
        optional = {*self.signature.defaults, self.signature.variable_positional, self.signature.variable_keywords}
        missing = [name for name in self.signature.names if name not in parameters and name not in optional]
        if missing:
            lines = "\n".join(f" - {name}: Field required" for name in missing)
            raise ParameterTypeError(f"Flow run received invalid parameters:\n{lines}")
        complete = {**self.signature.defaults, **parameters}
        ordered = {name: complete[name] for name in self.signature.names if name in complete}
        return self.signature.validate(ordered, self.name)

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Parameters as JSON can hold them; a value it cannot becomes ``<TypeName>``."""
        from levada.validation import jsonable  # lazy: only deployments and displays need it

        return {name: jsonable(value) for name, value in parameters.items()}

    def on_completion(self, fn: Any) -> Any:
        """Call `fn(flow, flow_run, state)` when a run completes."""
        return self.add_hook("on_completion", fn)

    def on_failure(self, fn: Any) -> Any:
        """Call `fn(flow, flow_run, state)` when a run has failed for good."""
        return self.add_hook("on_failure", fn)

    def on_cancellation(self, fn: Any) -> Any:
        """Call `fn(flow, flow_run, state)` when a run is cancelled."""
        return self.add_hook("on_cancellation", fn)

    def on_crashed(self, fn: Any) -> Any:
        """Call `fn(flow, flow_run, state)` when a run crashes."""
        return self.add_hook("on_crashed", fn)

    def on_running(self, fn: Any) -> Any:
        """Call `fn(flow, flow_run, state)` when an attempt starts."""
        return self.add_hook("on_running", fn)

    def to_deployment(self, name: str, **options: Any) -> Deployment:
        """A deployment of this flow, to be served, deployed or changed.

        Args:
            name: of the deployment; ``__file__`` is taken as the name of the file.
            **options: all optional.

                - cron, interval (seconds or timedelta), rrule: one or a list; timezone, anchor_date for them.
                - schedule, schedules: values of `levada.schedules`. Without any of these, schedules that the
                  deployment has stay; ``schedules=[]`` takes them away.
                - catchup: what becomes of times that a schedule missed: ``none``, ``last``, ``all``, or a number.
                - paused: whether it stands still; stays as it is unless given.
                - parameters: defaults for its runs; enforce_parameter_schema: refuse runs that do not fit.
                - description, version, tags, labels.
                - concurrency_limit: a number, or a ConcurrencyLimitConfig with a collision strategy.
                - work_pool_name, work_queue_name, job_variables, priority, fairness_key, weight, launcher.
                - environment: Python packages of its runs: a list of requirements, or the name of a requirements file,
                  lock file or pyproject.toml; that of the flow (`@flow(env=…)`) unless given.
                - needs: what a worker must have free, made by `levada.deployments.needs`.
                - retries, crash_retries: over those of the flow; start_deadline: seconds.
                - entrypoint_type: ``file_path``, or ``module_path`` for a flow of an installed package.

        Raises:
            ConfigurationError: an option cannot be used, or no other process can load the flow.
        """
        from levada.deployments.deployment import Deployment  # lazy: only flows that are deployed need it

        return Deployment.from_flow(self, name, **options)

    async def ato_deployment(self, name: str, **options: Any) -> Deployment:
        """`to_deployment` for async code."""
        return self.to_deployment(name, **options)

    def serve(
        self, name: str | None = None, *, pause_on_shutdown: bool = True, limit: int | None = None, **options: Any
    ) -> None:
        """Run on schedules and on request, in this process, until Ctrl-C or SIGTERM.

        Args:
            name: of the deployment; that of the flow unless given.
            pause_on_shutdown: it stands still after the end, so that nothing is missed, and goes on at the next start.
            limit: how many runs at once; None: any number.
            **options: as in `to_deployment`; `print_starting_message=False` says nothing at the start.

        Raises:
            ConfigurationError: an option cannot be used, or no other process can load the flow.
        """
        from levada.serving import serve  # lazy: only programs that serve need it

        say = options.pop("print_starting_message", True)
        options.pop("webserver", None)
        deployment = self.to_deployment(name or self.name, **options)
        serve(deployment, pause_on_shutdown=pause_on_shutdown, limit=limit, print_starting_message=say)

    async def aserve(
        self, name: str | None = None, *, pause_on_shutdown: bool = True, limit: int | None = None, **options: Any
    ) -> None:
        """`serve` for async code."""
        from levada.serving import aserve  # lazy: as above

        say = options.pop("print_starting_message", True)
        options.pop("webserver", None)
        deployment = self.to_deployment(name or self.name, **options)
        await aserve(deployment, pause_on_shutdown=pause_on_shutdown, limit=limit, print_starting_message=say)

    def deploy(
        self,
        name: str,
        work_pool_name: str | None = None,
        image: Any = None,
        build: bool = True,
        push: bool = True,
        print_next_steps: bool = True,
        ignore_warnings: bool = False,
        **options: Any,
    ) -> UUID:
        """Deploy to a work pool, whose workers execute the runs; returns the id of the deployment.

        Args:
            name: of the deployment.
            work_pool_name: the pool.
            image: name of a container image that is there already, with ``build=False, push=False``.
            build, push: see `image`.
            print_next_steps: say what to do next.
            ignore_warnings: not looked at.
            **options: as in `to_deployment`.

        Raises:
            ConfigurationError: an option cannot be used, no pool was named, or the control plane does not take it.
        """
        from levada.deployments.registering import deploy  # lazy: only programs that deploy need it

        return deploy(
            self.to_deployment(name, work_pool_name=work_pool_name, **options),
            image=image,
            build=build,
            push=push,
            print_next_steps_message=print_next_steps,
            ignore_warnings=ignore_warnings,
        )[0]

    async def adeploy(self, name: str, work_pool_name: str | None = None, **options: Any) -> UUID:
        """`deploy` for async code."""
        import asyncio  # lazy: only async callers need a loop

        return await asyncio.to_thread(lambda: self.deploy(name, work_pool_name, **options))

    @classmethod
    def from_source(cls, source: Any, entrypoint: str) -> Flow[Any, Any]:
        """The flow at an entrypoint of code that is kept elsewhere; its deployments fetch the code for each run.

        Args:
            source: a folder, the URL of a git repository or of anything that fsspec reaches, or a storage of
                `levada.runner.storage`.
            entrypoint: ``path/file.py:function``, relative to it.

        Raises:
            ConfigurationError: the code cannot be fetched.
            MissingFlowError: there is no such flow in it.
        """
        from levada.deployments.sources import flow_from_source  # lazy: brings git and fsspec along

        return flow_from_source(source, entrypoint)

    @classmethod
    async def afrom_source(cls, source: Any, entrypoint: str) -> Flow[Any, Any]:
        """`from_source` for async code."""
        import asyncio  # lazy: only async callers need a loop

        return await asyncio.to_thread(lambda: cls.from_source(source, entrypoint))

    def __repr__(self) -> str:
        return f"Flow({self.name!r})"


def _default_name(fn: Any) -> str:
    name = name_of(fn)
    return "unknown-lambda" if name == "<lambda>" else name.replace("_", "-")


def _file_digest(fn: Any) -> str | None:
    code = getattr(getattr(fn, "__func__", fn), "__code__", None)
    if code is None:
        return None
    try:
        with open(code.co_filename, "rb") as source:
            return content_digest(source.read())
    except OSError:
        return None


def _crash_retries(given: Any) -> int:
    if type(given) is not int or not 0 <= given < 1 << 31:
        raise DefinitionError(f"`crash_retries` is a whole number, 0 or more; got {given!r}.")
    return given


class _FlowDecorator:
    """The `flow` decorator; an object, because it also finds flows elsewhere (`flow.from_source`)."""

    @overload
    def __call__(self, fn: Callable[P, R], /) -> Flow[P, R]: ...
    @overload
    def __call__(self, fn: None = None, /, **options: Any) -> Callable[[Callable[P, R]], Flow[P, R]]: ...

    def __call__(self, fn: Any = None, /, **options: Any) -> Any:
        """Make a function a flow.

        Args:
            fn: the function: sync, async, a generator or an async generator, or a method.
            **options: all optional.

                - name: default the function's name with dashes.
                - version: default a digest of the source file.
                - description: default the docstring.
                - flow_run_name: template over the parameters, or a function; default two words.
                - retries, retry_delay_seconds (seconds, list, or function of the retry count), retry_jitter_factor,
                  retry (rules by exception, see `levada.retries`), retry_condition_fn(flow, flow_run, state).
                - crash_retries: how often a run whose process is gone is scheduled again, to be taken up where it
                  stood (`levada flow-run resume`); default 0: it stays Crashed.
                - env: Python packages of its deployed runs, as `environment` of `Flow.to_deployment`; a call in this
                  process does not look at it.
                - timeout_seconds: of one attempt.
                - task_runner: for what is submitted; default threads.
                - validate_parameters: check arguments against annotations; default True.
                - persist_result, result_storage, result_serializer: also for tasks and subflows called inside.
                - cache_result_in_memory, log_prints.
                - on_running, on_completion, on_failure, on_cancellation, on_crashed: lists of hooks
                  (flow, flow_run, state).

        Raises:
            DefinitionError: an option or a parameter name that cannot work.
            TypeError: an option that does not exist, or is not of its type.
        """
        if fn is None:
            return lambda function: Flow(function, **options)
        return Flow(fn, **options)

    def from_source(self, source: Any, entrypoint: str) -> Flow[Any, Any]:
        """`Flow.from_source`."""
        return Flow.from_source(source, entrypoint)

    async def afrom_source(self, source: Any, entrypoint: str) -> Flow[Any, Any]:
        """`Flow.afrom_source`."""
        return await Flow.afrom_source(source, entrypoint)


flow = _FlowDecorator()


def load_flow_from_entrypoint(entrypoint: str) -> Flow[Any, Any]:
    """Load a flow from where it is written.

    Args:
        entrypoint: ``path.py:function``, ``path.py`` when it holds one flow, or ``package.module:function``. A plain
            function becomes a flow that records what it prints.

    Raises:
        ScriptError: the file raised while it was loaded.
        MissingFlowError: there is no such flow.
        UnspecifiedFlowError: the file holds several flows and none was named.
    """
    from levada.loading import load  # lazy: only the CLI, resumes and workers load flows

    return load(entrypoint)


__all__ = ["Flow", "flow", "load_flow_from_entrypoint"]
