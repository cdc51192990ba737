"""How processes hear what was decided about the runs that they execute.

Those that write into this home have an inbox beside their journal. Those that ship ask with each batch what is to be
done (`levada.control.orders`), and are told from the rows, so that nothing needs to be sent to them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from levada.journal.inbox import post_command
from levada.store.base import Transaction

Word = tuple[bytes, bytes]
"""Writer of a process, and the flow run or task run that it is to let go."""

_logger = logging.getLogger(__name__)


def announce_words(transaction: Transaction, words: Iterable[Word]) -> None:
    """Wake whoever holds an answer to these processes back."""
    for writer in {writer for writer, _ in words}:
        transaction.announce("commands", writer.hex())


def tell(home: Path, words: Iterable[Word]) -> int:
    """Ask processes of this home to let runs go; how many were found.

    Called after the decision is committed. One that cannot be told now is found by whoever looks at the run next.
    """
    told = 0
    for writer, subject in words:
        try:
            told += post_command(home, writer, f"{subject.hex()}.cancel")
        except OSError:
            _logger.warning("The process that executes run %s cannot be told to stop.", subject.hex(), exc_info=True)
    return told
