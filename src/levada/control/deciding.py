"""The verbs that change runs: made, moved from state to state, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada.control.base import PlanePart
from levada.control.deletion import delete_flow_run

if TYPE_CHECKING:
    from uuid import UUID


class Deciding(PlanePart):
    """The single writer of states that no engine records; see `levada.wire.verbs.Runs`."""

    def delete_flow_run(self, run: UUID | bytes | str) -> dict[str, int]:
        """Delete a flow run with its subflow runs, task runs, logs and artifacts; how many of each went.

        Raises:
            ObjectNotFound: there is no such run.
            UnfinishedRun: it, or a subflow run of it, has not ended.
        """
        return delete_flow_run(self.store, run)
