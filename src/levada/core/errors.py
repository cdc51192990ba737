"""Every error that Levada raises, as one tree.

::

    LevadaError
    ├── ConfigurationError            a setting, profile or option that cannot be used
    │   ├── MissingProfileError
    │   ├── ProfileSettingsValidationError
    │   └── VariableTooLargeError         (also ValueError)
    ├── DefinitionError               a flow or task that is written wrongly, told at decoration
    │   ├── ReservedArgumentError     (also TypeError)
    │   ├── InvalidNameError          (also ValueError)
    │   ├── NameTemplateError         (also ValueError)
    │   └── RetryPolicyError          (also ValueError)
    ├── ParameterError
    │   ├── ParameterTypeError        values that do not fit the annotations
    │   ├── ParameterBindError        (also TypeError) wrong number or names of arguments
    │   └── SignatureMismatchError    (also TypeError)
    ├── MappingError
    │   ├── MappingLengthMismatch
    │   └── MappingMissingIterable
    ├── RunError                      the outcome of a run, raised where its result is asked for
    │   ├── FailedRun  CrashedRun  CancelledRun  PausedRun  UnfinishedRun
    │   ├── MissingResult  UpstreamTaskError
    │   └── FlowPauseTimeout  FlowRunWaitTimeout  NotPausedError
    ├── ScriptError  MissingFlowError  UnspecifiedFlowError
    ├── MissingContextError           (also RuntimeError) used outside a run
    ├── SerializationError  HashError  AmbiguousCallError
    ├── JournalError
    │   └── JournalCorrupted
    ├── ServerRequired                a feature that needs a server, and none is configured
    ├── ServerError                   what was asked of a server did not come to pass
    │   ├── ServerUnavailable         nobody answers, or not now; it was tried again before
    │   ├── NotAuthenticated  NotPermitted
    │   └── RequestTooLarge  TooManyRequests
    ├── StoreUnavailable              the database cannot be reached now
    ├── RequestInvalid                a request whose fields cannot be used
    ├── TransitionRefused             a rule stands against the state asked for
    ├── ConcurrencySlotAcquisitionError
    │   └── AcquireConcurrencySlotTimeoutError  (also TimeoutError)
    ├── RollBack                      raised by authors to roll a transaction back
    ├── ObjectAlreadyExists
    │   └── VariableExistsError           (also ValueError)
    └── ObjectNotFound  ObjectUnsupported

    LevadaSignal (BaseException)      control flow that user code must not catch by accident
    ├── Abort  Pause
    ├── RunCancelled
    └── ExternalSignal
        └── TerminationSignal
"""

from __future__ import annotations


def _first_sentence(doc: str | None) -> str:
    return (doc or "").strip().splitlines()[0] if doc else ""


class LevadaError(Exception):
    """Something Levada was asked to do could not be done."""

    def __init__(self, message: str | None = None, *args: object) -> None:
        super().__init__(message if message is not None else _first_sentence(type(self).__doc__), *args)


class ConfigurationError(LevadaError):
    """A setting or option cannot be used as given."""


class MissingProfileError(ConfigurationError, ValueError):
    """The named profile does not exist."""


class ProfileSettingsValidationError(ConfigurationError):
    """A profile holds a setting that cannot be used."""


class VariableTooLargeError(ConfigurationError, ValueError):
    """The value of a variable, written as JSON, has more characters than a variable may hold."""


class DefinitionError(LevadaError):
    """A flow or task is defined in a way that cannot work."""


class ReservedArgumentError(DefinitionError, TypeError):
    """A parameter has a name that Levada keeps for itself."""


class InvalidNameError(DefinitionError, ValueError):
    """A name contains characters that names may not have."""


class NameTemplateError(DefinitionError, ValueError):
    """A run-name template asks for something the function does not have."""


class RetryPolicyError(DefinitionError, ValueError):
    """The retries of a flow or task are written in a way that cannot work."""


class ParameterError(LevadaError):
    """The arguments of a call cannot be used."""


class ParameterTypeError(ParameterError):
    """An argument does not fit its annotation."""


class ParameterBindError(ParameterError, TypeError):
    """The arguments do not fit the signature."""


class SignatureMismatchError(ParameterError, TypeError):
    """The given parameter names do not fit the signature."""


class MappingError(LevadaError):
    """A call to map cannot be spread over its arguments."""


class MappingLengthMismatch(MappingError):  # noqa: N818 - the name authors know
    """The mapped arguments have different lengths."""


class MappingMissingIterable(MappingError):  # noqa: N818 - the name authors know
    """None of the mapped arguments can be iterated."""


class RunError(LevadaError):
    """The outcome of a run is not a result."""


class FailedRun(RunError):  # noqa: N818
    """The run failed."""


class CrashedRun(RunError):  # noqa: N818
    """The run crashed."""


class CancelledRun(RunError):  # noqa: N818
    """The run was cancelled."""


class PausedRun(RunError):  # noqa: N818
    """The run is paused."""


class UnfinishedRun(RunError):  # noqa: N818
    """The run has not finished, so it has no result yet."""


class MissingResult(RunError):  # noqa: N818
    """The run finished, but its result was not kept."""


class UpstreamTaskError(RunError):
    """An upstream task did not complete, so this task was not run."""


class FlowPauseTimeout(RunError):  # noqa: N818
    """Nobody resumed the paused run in time."""


class FlowRunWaitTimeout(RunError):  # noqa: N818
    """The run did not finish in the time given."""


class NotPausedError(RunError):
    """The run is not paused, so it cannot be resumed."""


class ScriptError(LevadaError):
    """A file could not be run to find the flow in it."""

    def __init__(self, user_exc: BaseException, path: str) -> None:
        hint = ""
        if isinstance(user_exc, ModuleNotFoundError):
            hint = (
                f". Install {user_exc.name or 'it'} for the Python that loads the file. What only an environment of "
                "the flow has is imported inside the function: docs/how-to/environments.md."
            )
        super().__init__(f"Script at {path!r} encountered an exception: {user_exc!r}{hint}")
        self.user_exc = user_exc


class MissingFlowError(LevadaError):
    """No flow of that name stands in the file."""


class UnspecifiedFlowError(LevadaError):
    """The file holds several flows, and none was named."""


class MissingContextError(LevadaError, RuntimeError):
    """This can only be used inside a run."""


class SerializationError(LevadaError):
    """A value cannot be turned into bytes, or back."""


class HashError(LevadaError):
    """The inputs of a call cannot be hashed."""


class AmbiguousCallError(LevadaError):
    """Several recorded calls could be this one, and nothing tells them apart."""


class JournalError(LevadaError):
    """The journal cannot be written or read."""


class JournalCorrupted(JournalError):  # noqa: N818
    """A record in the middle of a journal segment does not match its checksum."""


class ServerRequired(LevadaError):  # noqa: N818
    """This needs a Levada server, and none is configured."""


class ServerError(LevadaError):
    """The server could not do what it was asked."""


class ServerUnavailable(ServerError):  # noqa: N818
    """The server does not answer now."""


class NotAuthenticated(ServerError):  # noqa: N818
    """The server does not know who is asking."""


class NotPermitted(ServerError):  # noqa: N818
    """Whoever is asking may not do this."""


class RequestTooLarge(ServerError):  # noqa: N818
    """The request is larger than the server takes."""


class TooManyRequests(ServerError):  # noqa: N818
    """The server has more to do than it can; ask again later."""


class StoreUnavailable(LevadaError):  # noqa: N818
    """The database cannot be reached now."""


class RequestInvalid(LevadaError):  # noqa: N818
    """Fields of the request cannot be used."""

    def __init__(self, message: str | None = None, fields: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields
        """Path and problem of each field that cannot be used, e.g. ``("$.limit", "must be at least 1")``."""


class TransitionRefused(LevadaError):  # noqa: N818
    """A rule stands against the state that was asked for."""


class ConcurrencySlotAcquisitionError(LevadaError):
    """A concurrency slot could not be had."""


class AcquireConcurrencySlotTimeoutError(ConcurrencySlotAcquisitionError, TimeoutError):
    """No concurrency slot came free in the time given."""


class RollBack(LevadaError):  # noqa: N818
    """The transaction is to be rolled back."""


class ObjectNotFound(LevadaError):  # noqa: N818
    """There is no such object."""


class ObjectAlreadyExists(LevadaError):  # noqa: N818
    """An object of that name exists already."""


class VariableExistsError(ObjectAlreadyExists, ValueError):
    """A variable of that name exists already, and it was not said that it may be replaced."""


class ObjectUnsupported(LevadaError):  # noqa: N818
    """This kind of object cannot be used here."""


class LevadaSignal(BaseException):
    """Control flow of the engine; not an error, and not for user code to catch."""


class Abort(LevadaSignal):
    """The run is to stop at once, and its outcome is decided elsewhere."""


class Pause(LevadaSignal):
    """The run is to stop here and be continued later."""

    def __init__(self, *args: object, state: object = None) -> None:
        super().__init__(*args)
        self.state = state


class RunCancelled(LevadaSignal):
    """The run was asked to stop by a person or a policy."""

    def __init__(self, *args: object, run: bytes | None = None) -> None:
        super().__init__(*args)
        self.run = run


class ExternalSignal(LevadaSignal):
    """The operating system sent this process a signal."""


class TerminationSignal(ExternalSignal):
    """The process was told to end."""

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.signal = signal


class InterruptedRun(KeyboardInterrupt):
    """Ctrl-C reached a run: it ends Cancelled, and the interrupt goes on to the caller."""
