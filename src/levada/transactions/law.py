"""The law of transactions, without colour: what commits when, in which order, and what an error undoes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import TYPE_CHECKING, Any

from levada.annotations import NotSet
from levada.core.errors import ConfigurationError
from levada.locking.manager import IsolationLevel
from levada.results.records import ResultRecord
from levada.results.steps import Call, Steps
from levada.transactions.current import current
from levada.transactions.states import CommitMode, Failures, Hook, TransactionState, name_of

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter

    from levada.results.store import ResultStore
    from levada.wire.records import Payload

_ENDED = frozenset({TransactionState.COMMITTED, TransactionState.ROLLED_BACK})
_family = Lock()
"""Held for the moments in which a child is handed to its parent while the parent may be ending in another thread."""


class BaseTransaction:
    """A group of work that commits or rolls back as one.

    Attributes:
        key: the key of its result, or None when it only groups work.
        store: where its result goes.
        commit_mode, isolation_level: as given, or the parent's.
        overwrite: whether a result that is there already is ignored and replaced.
        write_on_commit: whether the staged result is written when it commits.
        expiration: until when a written result may be used.
        state: how far it is.
        parent: the transaction it is part of.
        children: those that were handed to it or may still be.
        found: the payload that was there already, when it is committed for that reason.
        payload: the payload of its result, once that was written.
        on_end: called with the transaction when it is committed or rolled back; must not block.
    """

    asynchronous = False

    def __init__(
        self,
        *,
        key: str | None = None,
        store: ResultStore | None = None,
        commit_mode: CommitMode | None = None,
        isolation_level: IsolationLevel | None = None,
        overwrite: bool = False,
        write_on_commit: bool = True,
        logger: Logger | LoggerAdapter[Logger] | None = None,
        parent: BaseTransaction | None = None,
        expiration: Any = None,
        holder: str | None = None,
        on_end: Callable[[BaseTransaction], None] | None = None,
    ) -> None:
        if key is not None and not isinstance(key, str):
            raise TypeError(f"The key of a transaction is a string, not {key!r}")
        self.key = key
        self.store: ResultStore | None = store
        self.commit_mode: CommitMode = commit_mode or _inherited_mode(parent)
        self.isolation_level: IsolationLevel = isolation_level or IsolationLevel.READ_COMMITTED
        if parent is not None:
            self.store = store or parent.store
            self.isolation_level = isolation_level or parent.isolation_level
        self.overwrite = overwrite
        self.write_on_commit = write_on_commit
        self.logger = logger
        self.parent = parent
        self.children: list[BaseTransaction] = []
        self.expiration = expiration
        self.on_end = on_end
        self.state = TransactionState.PENDING
        self.found: Payload | None = None
        self.payload: Payload | None = None
        self.on_rollback_hooks: list[Hook] = []
        self.on_commit_hooks: list[Hook] = []
        self._holder = holder
        self.locked = False
        self.left = False
        self.closing: TransactionState | None = None
        self._staged: Any = NotSet
        self.values: dict[str, Any] = {}
        if self.isolation_level is IsolationLevel.SERIALIZABLE and self.key is not None:
            self._require_locks()

    # What authors ask and say

    def is_pending(self) -> bool:
        """Not entered yet."""
        return self.state is TransactionState.PENDING

    def is_active(self) -> bool:
        """Entered, and nothing staged yet."""
        return self.state is TransactionState.ACTIVE

    def is_staged(self) -> bool:
        """A value is staged, and neither committed nor rolled back."""
        return self.state is TransactionState.STAGED

    def is_committed(self) -> bool:
        """Committed, or its result was there already."""
        return self.state is TransactionState.COMMITTED

    def is_rolled_back(self) -> bool:
        """Rolled back."""
        return self.state is TransactionState.ROLLED_BACK

    @property
    def staged_value(self) -> Any:
        """What was staged; `NotSet` when nothing was."""
        return self._staged.result if isinstance(self._staged, ResultRecord) else self._staged

    def set(self, name: str, value: Any) -> None:
        """Remember a value for hooks and inner transactions, in this process, while the transaction lives."""
        self.values[name] = value

    def get(self, name: str, default: Any = NotSet) -> Any:
        """A copy of a remembered value: this transaction's, or that of the nearest outer one that has it.

        Raises:
            ValueError: none has it, and no default was given.
        """
        here: BaseTransaction | None = self
        while here is not None:
            if name in here.values:
                from copy import deepcopy  # lazy: few transactions remember anything

                return deepcopy(here.values[name])
            here = here.parent
        if default is NotSet:
            raise ValueError(f"Could not retrieve value for unknown key: {name}")
        return default

    def stage(
        self,
        value: Any,
        on_rollback_hooks: Iterable[Hook] | None = None,
        on_commit_hooks: Iterable[Hook] | None = None,
    ) -> None:
        """Say what the work made, and what undoes it. Does nothing when the transaction has ended already."""
        if self.state in _ENDED:
            return
        self._staged = value
        self.on_rollback_hooks.extend(on_rollback_hooks or ())
        self.on_commit_hooks.extend(on_commit_hooks or ())
        self.state = TransactionState.STAGED

    def add_child(self, child: BaseTransaction) -> None:
        """Make another transaction part of this one."""
        child.parent = self
        with _family:
            self.children.append(child)

    def get_parent(self) -> BaseTransaction | None:
        """The transaction that this one is part of, or that is current here."""
        return self.parent if self.parent is not None else current()

    # What the engine drives

    @property
    def holder(self) -> str:
        """Who it is to the locks: itself, or an outer transaction that has the lock on the same key already."""
        if self._holder is None:
            outer = self.parent
            while outer is not None and not (outer.key == self.key and outer.locked):
                outer = outer.parent
            self._holder = outer.holder if outer is not None else _new_holder()
        return self._holder

    def needs_lock(self) -> bool:
        """Whether entering it takes a lock."""
        return self.key is not None and self.isolation_level is IsolationLevel.SERIALIZABLE

    def enter(self) -> Steps[None]:
        """Open it: take the lock if it needs one, and look whether its result is there already.

        If so it is committed at once, `found` has the payload, and the lock is given back.
        """
        if self.state is not TransactionState.PENDING:
            raise RuntimeError("A transaction can be entered once.")
        if self.parent is not None:
            self.parent.add_child(self)
        self.state = TransactionState.ACTIVE
        if self.key is None:
            return
        store = self.its_store()
        if self.needs_lock():
            yield from self._take_lock(store)
        try:
            if not self.overwrite:
                lookup = store.alookup if self.asynchronous else store.lookup
                self.found = yield Call(lookup, self.key, quick=True)
        except GeneratorExit:
            raise
        except BaseException:
            yield from self.give_lock_back()
            raise
        if self.found is not None:
            self.payload = self.found
            self.state = TransactionState.COMMITTED
            yield from self.give_lock_back()

    def leave(self, error: BaseException | None = None) -> Steps[None]:
        """End its block: commit, roll back, or leave that to the parent, as its mode and the error say.

        Raises:
            Exception: what a commit hook, the writing of the result, or a rollback hook raised. When `error` is
                given, errors of rollback hooks are noted on it instead.
        """
        with _family:
            self.left = True
            parent = self.parent
            fate = None if parent is None else parent.closing or parent.state
        if self.state in _ENDED:
            # Work that joined after the end of this transaction shares its fate.
            if self.state is TransactionState.ROLLED_BACK:
                failures = Failures(error)
                yield from self.roll_back_children(failures)
                failures.tell()
        elif error is not None:
            yield from self.undo(error)
        elif self.commit_mode is CommitMode.EAGER:
            yield from self.apply()
        elif fate is TransactionState.ROLLED_BACK or (fate is None and self.commit_mode is CommitMode.OFF):
            yield from self.undo()
        elif fate is None or fate is TransactionState.COMMITTED:
            yield from self.apply()

    def apply(self) -> Steps[bool]:
        """Commit it and all it was given: commit hooks, inner ones first, then results. False if it has ended already.

        Raises:
            Exception: what a commit hook or the writing raised, after the whole tree was rolled back.
        """
        if not self.claim(TransactionState.COMMITTED):
            return False
        tree = self.collect()
        try:
            for member in tree:
                for hook in member.on_commit_hooks:
                    yield from member.run_hook(hook, "commit")
            for member in tree:
                yield from member.write()
        except GeneratorExit:
            raise
        except BaseException as error:
            yield from self._take_back(tree)
            for member in tree:
                member.closing = None
            yield from self.undo(error)
            raise
        for member in tree:
            member.end(TransactionState.COMMITTED)
        for member in tree:
            yield from member.give_lock_back()
        return True

    def undo(self, error: BaseException | None = None) -> Steps[bool]:
        """Roll it back, all it was given, and what it is part of. False if it has ended already.

        Its own hooks run in reverse order, then the children's, newest first; then the parent is rolled back likewise.
        Every hook runs, whatever the others raise.

        Raises:
            Exception: what a rollback hook raised; noted on `error` instead when that is given.
        """
        failures = Failures(error)
        here: BaseTransaction | None = self
        while here is not None and here.claim(TransactionState.ROLLED_BACK):
            yield from here.roll_back_alone(failures)
            here = here.parent
        failures.tell()
        return here is not self

    # The parts

    def collect(self) -> list[BaseTransaction]:
        """Those who commit now: children before parents, in the order in which they joined.

        A child whose block is still open (work in another thread that nobody waited for) is let go: it commits by
        itself when it ends.
        """
        ready = [child for child in list(self.children) if child.join(TransactionState.COMMITTED)]
        return [*(member for child in ready for member in child.collect()), self]

    def claim(self, end: TransactionState) -> bool:
        """Claim the right to end it; False when it has ended, or somebody else is about it."""
        with _family:
            if self.state in _ENDED or self.closing is not None:
                return False
            self.closing = end
            return True

    def join(self, end: TransactionState) -> bool:
        """`claim` by the parent, which must leave alone what is still at work."""
        with _family:
            if not self.left or self.state in _ENDED or self.closing is not None:
                return False
            self.closing = end
            return True

    def roll_back_alone(self, failures: Failures) -> Steps[None]:
        """Run its own rollback hooks, when it staged anything, and its children's; the parent is left alone."""
        if self.state is TransactionState.STAGED:
            for hook in reversed(self.on_rollback_hooks):
                try:
                    yield from self.run_hook(hook, "rollback")
                except GeneratorExit:
                    raise
                except BaseException as failure:  # noqa: BLE001 - told when all hooks have run
                    failures.add(self, hook, failure)
        yield from self.roll_back_children(failures)
        self.end(TransactionState.ROLLED_BACK)
        yield from self.give_lock_back()

    def roll_back_children(self, failures: Failures) -> Steps[None]:
        """Roll back what was handed to it, newest first."""
        for child in reversed(list(self.children)):
            if child.join(TransactionState.ROLLED_BACK):
                yield from child.roll_back_alone(failures)

    def write(self) -> Steps[None]:
        """Write the staged result, if it has a key to be written under."""
        if self.key is None or not self.write_on_commit or self._staged is NotSet:
            return
        store = self.its_store()
        if isinstance(self._staged, ResultRecord):
            write = store.awrite_record if self.asynchronous else store.write_record
            self.payload = yield Call(write, self._staged, self.holder, quick=True)
        else:
            record = store.create_result_record(self._staged, self.key, self.expiration)
            write = store.awrite_record if self.asynchronous else store.write_record
            self.payload = yield Call(write, record, self.holder, quick=True)

    def _take_back(self, tree: list[BaseTransaction]) -> Steps[None]:
        """Remove the results of a commit that did not succeed: others would take them for good."""
        for member in tree:
            if member.payload is not None and member.key is not None:
                member.payload = None
                forget = member.its_store().aforget if member.asynchronous else member.its_store().forget
                try:
                    yield Call(forget, member.key, quick=True)
                except Exception as failure:  # noqa: BLE001 - the error that led here matters more
                    member.log("warning", "Result %s could not be removed: %s", member.key, failure)

    def run_hook(self, hook: Hook, kind: str) -> Steps[None]:
        """Run one hook, and log that."""
        name = name_of(hook)
        self.log("info", "Running %s hook %r", kind, name)
        try:
            yield Call(hook, self, quick=True)
        except Exception:
            self.log("error", "An error was encountered while running %s hook %r", kind, name, exc_info=True)
            raise
        self.log("info", "%s hook %r finished running successfully", kind.capitalize(), name)

    def end(self, state: TransactionState) -> None:
        """Enter a final state, and tell who listens."""
        self.state = state
        self.closing = None
        if self.on_end is not None:
            self.on_end(self)

    def _take_lock(self, store: ResultStore) -> Steps[None]:
        acquire = store.aacquire_lock if self.asynchronous else store.acquire_lock
        outer = self.parent
        while outer is not None and not (outer.key == self.key and outer.locked):
            outer = outer.parent
        if outer is not None:
            return  # an outer transaction has it, and gives it back
        yield Call(acquire, self.key, self.holder, quick=True)
        self.locked = True

    def give_lock_back(self) -> Steps[None]:
        """Release the lock, if this transaction took it."""
        if self.locked:
            self.locked = False
            try:
                yield Call(self.its_store().release_lock, self.key, self.holder, quick=True)
            except ValueError as lost:  # it expired while the work went on
                self.log("warning", "The lock on %s was lost before it was released: %s", self.key, lost)

    def its_store(self) -> ResultStore:
        """The store it was given, or the current run's."""
        if self.store is None:
            from levada.results.current import get_result_store  # lazy: most transactions are given their store

            self.store = get_result_store()
        return self.store

    def _require_locks(self) -> None:
        if not self.its_store().supports_isolation_level(self.isolation_level):
            raise ConfigurationError(
                f"Isolation level {self.isolation_level} is not supported by provided configuration. Please ensure "
                "you've provided a lock file directory or lock manager when using the SERIALIZABLE isolation level."
            )

    def log(self, level: str, message: str, *args: object, **options: Any) -> None:
        """Log a line with the logger it was given."""
        if self.logger is None:
            from logging import getLogger  # lazy: few transactions have anything to say

            self.logger = getLogger("levada.transactions")
        getattr(self.logger, level)(message, *args, **options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key={self.key!r}, state={self.state})"


def _inherited_mode(parent: BaseTransaction | None) -> CommitMode:
    """Inside an eager block each part commits at its own end; otherwise parts wait for the outermost."""
    eager = parent is not None and parent.commit_mode is CommitMode.EAGER
    return CommitMode.EAGER if eager else CommitMode.LAZY


def _new_holder() -> str:
    from uuid import uuid4  # lazy: only transactions with locks need it

    return f"transaction:{uuid4().hex}"
