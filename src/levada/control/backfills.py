"""The verbs of backfills; see `levada.wire.verbs.Deployments`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final
from uuid import UUID

from levada.control import backfilling
from levada.control.deciding import Deciding
from levada.control.deployments import Named, deployment_row
from levada.control.proposing import cancel
from levada.core.errors import LevadaError, RequestInvalid
from levada.store.sql.backfills import BackfillTable
from levada.wire.deployments import Backfill, NewBackfill

if TYPE_CHECKING:
    from levada.store.base import Transaction

MOST_LISTED: Final = 1_000

_logger = logging.getLogger(__name__)


class Backfilling(Deciding):
    """Runs of deployments over ranges of times gone by."""

    def start_backfill(self, deployment: Named, new: NewBackfill, by: str = "") -> Backfill:
        """Start a backfill, or say what it would run.

        Raises:
            ObjectNotFound: there is no such deployment.
            RequestInvalid: the range, the schedule or the parameters cannot be used.
        """
        with self.store.read() as transaction:
            row = deployment_row(transaction, deployment)
            source = backfilling.source_of(transaction, row, new)
        # Found outside of the transaction that writes: a hundred thousand times take a second.
        times = backfilling.times_of(source.plan, new)

        def work(transaction: Transaction) -> Backfill:
            transaction.lock(f"backfills:{row.id.hex()}")  # two that start together must not both find a time missing
            found = deployment_row(transaction, UUID(bytes=row.id))
            chosen = backfilling.chosen(transaction, found, source, new, times)
            started = backfilling.start(transaction, found, source, new, chosen, by)
            return backfilling.backfill_view(transaction, started)

        if not new.dry_run:
            return self.store.transact(work)
        with self.store.read() as transaction:
            return backfilling.preview(row, new, backfilling.chosen(transaction, row, source, new, times), by)

    def read_backfill(self, backfill: UUID) -> Backfill:
        """One backfill, its figures counted now.

        Raises:
            ObjectNotFound: there is none.
        """
        with self.store.read() as transaction:
            return backfilling.backfill_view(transaction, backfilling.backfill_row(transaction, backfill))

    def read_backfills(self, deployment: Named | None = None, limit: int = 200) -> list[Backfill]:
        """Backfills, the newest first.

        Raises:
            ObjectNotFound: there is no such deployment.
            RequestInvalid: the limit is not 1 to 1,000.
        """
        if not 1 <= limit <= MOST_LISTED:
            raise RequestInvalid(
                f"1 to {MOST_LISTED:,} backfills can be listed, not {limit}.",
                (("$.limit", f"must be between 1 and {MOST_LISTED}"),),
            )
        with self.store.read() as transaction:
            whose = None if deployment is None else deployment_row(transaction, deployment).id
            rows = BackfillTable(transaction).page(whose, limit)
            return [backfilling.backfill_view(transaction, row) for row in rows]

    def steer_backfill(self, backfill: UUID, action: str, by: str = "") -> Backfill:
        """Pause, resume or cancel a backfill. Cancelling cancels those of its runs that nobody has begun.

        Raises:
            ObjectNotFound: there is none.
            RequestInvalid: there is no such action.
            TransitionRefused: it has ended.
        """
        _, waiting = self.store.transact(lambda transaction: backfilling.steer(transaction, backfill, action, by))
        for run in waiting:
            try:
                self.wishes.do(cancel(run, by))
            except LevadaError:
                _logger.warning("Run %s of a cancelled backfill was not cancelled.", run.hex(), exc_info=True)
        return self.read_backfill(backfill)
