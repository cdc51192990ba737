"""The two colours of a transaction, and the blocks that authors write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from levada.results.steps import adrive, drive
from levada.transactions.current import activate, current, deactivate
from levada.transactions.law import BaseTransaction
from levada.transactions.states import CommitMode

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter

    from levada.locking.manager import IsolationLevel
    from levada.results.records import ResultRecord
    from levada.results.store import ResultStore


class Transaction(BaseTransaction):
    """A transaction of sync code."""

    def read(self) -> ResultRecord | None:
        """The record that is there under its key, or None."""
        if self.key is None or self.store is None or not self.store.exists(self.key):
            return None
        return self.store.read(self.key, self.holder)

    def commit(self) -> bool:
        """Commit now; False when it has ended already. See `BaseTransaction.apply`."""
        return drive(self.apply())

    def rollback(self) -> bool:
        """Roll back now; False when it has ended already. See `BaseTransaction.undo`."""
        return drive(self.undo())


class AsyncTransaction(BaseTransaction):
    """A transaction of async code."""

    asynchronous = True

    async def read(self) -> ResultRecord | None:
        """The record that is there under its key, or None."""
        if self.key is None or self.store is None or not await self.store.aexists(self.key):
            return None
        return await self.store.aread(self.key, self.holder)

    async def commit(self) -> bool:
        """Commit now; False when it has ended already. See `BaseTransaction.apply`."""
        return await adrive(self.apply())

    async def rollback(self) -> bool:
        """Roll back now; False when it has ended already. See `BaseTransaction.undo`."""
        return await adrive(self.undo())


def begin(
    *,
    asynchronous: bool = False,
    key: str | None = None,
    store: ResultStore | None = None,
    commit_mode: CommitMode | None = None,
    isolation_level: IsolationLevel | None = None,
    overwrite: bool = False,
    write_on_commit: bool = True,
    logger: Logger | LoggerAdapter[Logger] | None = None,
    expiration: Any = None,
    on_end: Callable[[BaseTransaction], None] | None = None,
) -> BaseTransaction:
    """A new transaction inside the current one, not entered yet; touches nothing.

    Args:
        asynchronous: whether an `AsyncTransaction` is wanted, whose steps use the store's async functions.
        key, store, commit_mode, isolation_level, overwrite, write_on_commit, logger: see `transaction`.
        expiration: until when the result that it writes may be used.
        on_end: called with it when it is committed or rolled back, perhaps long after its block; must not block.

    Raises:
        ConfigurationError: SERIALIZABLE, and the store has no lock manager.
        TypeError: the key is no string.
    """
    kind = AsyncTransaction if asynchronous else Transaction
    return kind(
        key=key,
        store=store,
        commit_mode=commit_mode,
        isolation_level=isolation_level,
        overwrite=overwrite,
        write_on_commit=write_on_commit,
        logger=logger,
        parent=current(),
        expiration=expiration,
        on_end=on_end,
    )


@contextmanager
def transaction(
    key: str | None = None,
    store: ResultStore | None = None,
    commit_mode: CommitMode | None = None,
    isolation_level: IsolationLevel | None = None,
    overwrite: bool = False,
    write_on_commit: bool = True,
    logger: Logger | LoggerAdapter[Logger] | None = None,
) -> Iterator[Transaction]:
    """A block of work that commits or rolls back as one.

    Args:
        key: a key for what the block stages; when its result is there already, `txn.is_committed()` is true from the
            start, and the block should do nothing.
        store: where that result goes; the current run's store by default.
        commit_mode: when it commits by itself; LAZY (with the outermost block) unless an outer one is EAGER.
        isolation_level: whether others may work on the same key meanwhile; the outer block's, or READ_COMMITTED.
        overwrite: ignore a result that is there already, and replace it.
        write_on_commit: whether the staged result is written.
        logger: where its hooks are logged.

    Raises:
        ConfigurationError: SERIALIZABLE, and the store has no lock manager.
        Exception: what a commit hook raised, or the writing of the result, after everything was rolled back.
    """
    made = begin(
        key=key,
        store=store,
        commit_mode=commit_mode,
        isolation_level=isolation_level,
        overwrite=overwrite,
        write_on_commit=write_on_commit,
        logger=logger,
    )
    assert isinstance(made, Transaction)
    drive(made.enter())
    token = activate(made)
    try:
        yield made
    except BaseException as error:
        drive(made.leave(error))
        raise
    else:
        drive(made.leave())
    finally:
        deactivate(token)


@asynccontextmanager
async def atransaction(
    key: str | None = None,
    store: ResultStore | None = None,
    commit_mode: CommitMode | None = None,
    isolation_level: IsolationLevel | None = None,
    overwrite: bool = False,
    write_on_commit: bool = True,
    logger: Logger | LoggerAdapter[Logger] | None = None,
) -> AsyncIterator[AsyncTransaction]:
    """`transaction` for async code."""
    made = begin(
        asynchronous=True,
        key=key,
        store=store,
        commit_mode=commit_mode,
        isolation_level=isolation_level,
        overwrite=overwrite,
        write_on_commit=write_on_commit,
        logger=logger,
    )
    assert isinstance(made, AsyncTransaction)
    await adrive(made.enter())
    token = activate(made)
    try:
        yield made
    except BaseException as error:
        await adrive(made.leave(error))
        raise
    else:
        await adrive(made.leave())
    finally:
        deactivate(token)
