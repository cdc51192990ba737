"""Groups of work that hold together: all of it commits, or what was done is undone.

A *transaction* is open while a block of code, or the attempt of a task, runs. Work *stages* what it made, with hooks
that undo it. When the outermost block ends well the tree commits: hooks first, then the staged results are written.
When anything in the tree fails, every staged part of it is rolled back, newest first.

For authors::

    with transaction():
        write_file("a")  # a task; its on_rollback hook runs if the next line fails
        check("a")

For the engine, which runs tasks as generators and must not be blocked, everything is a *step* (see
`levada.results.steps`: `run()` blocks, `arun()` is awaited)::

    txn = begin(key=key, store=store, asynchronous=task.isasync)  # pure; the parent is the current transaction
    yield from txn.enter()  # takes the lock if SERIALIZABLE, looks the key up
    if txn.is_committed():  # found: `txn.found` is its Payload; the lock is released already
        ...  # → Completed, named Cached
    else:
        token = activate(txn)  # get_transaction() gives it from here on, in this context
        try:
            value = ...  # the user's function
            record = store.prepare(key, value, expiration=...)  # SerializationError fails the attempt here
            txn.stage(record, on_rollback_hooks=..., on_commit_hooks=...)
            yield from txn.leave()  # commits now, or hands over to the parent (LAZY)
        except BaseException as error:
            yield from txn.leave(error)  # rolls back, the parent too
            raise
        finally:
            deactivate(token)
        txn.payload  # set when the record was written: Completed may name it

A task needs no transaction of its own when it has no key, no hooks, and `get_transaction()` gives None: nothing could
be committed or undone.

Where this differs from what authors of Prefect know, on purpose: an error in a commit hook, or in writing a result,
rolls the whole tree back and is raised; results are written after all commit hooks of the tree have succeeded; an error
in a rollback hook does not stop the other hooks, and is raised (or noted on the error that is under way) after them.

May import core, results, locking and serializers.
"""

from __future__ import annotations

from levada.locking.manager import IsolationLevel
from levada.transactions.blocks import AsyncTransaction, Transaction, atransaction, begin, transaction
from levada.transactions.current import activate, deactivate, get_transaction, set_opener
from levada.transactions.law import BaseTransaction
from levada.transactions.states import CommitMode, TransactionState

__all__ = [
    "AsyncTransaction",
    "BaseTransaction",
    "CommitMode",
    "IsolationLevel",
    "Transaction",
    "TransactionState",
    "activate",
    "atransaction",
    "begin",
    "deactivate",
    "get_transaction",
    "set_opener",
    "transaction",
]
