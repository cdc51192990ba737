"""What is recorded of a run whose code could not even be loaded: that it began, why it could not, and its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from levada.core.states import DEFAULT_NAMES, StateType
from levada.engine.flow_run import HOST
from levada.engine.remarks import FLOW_RUNS
from levada.engine.tracebacks import authors_traceback
from levada.wire.records import STATE_CODES, LogLine, RunOpened, RunState

if TYPE_CHECKING:
    from levada.engine.session import Session
    from levada.wire.pools import WorkOrder

_ERROR = 40


def record_refusal(
    order: WorkOrder, session: Session, what: str, error: BaseException, *, crashed: bool = False
) -> None:
    """Record that a run ended before its function was reached.

    Args:
        order: the run.
        session: of this process.
        what: what could not be done, as the beginning of a sentence.
        error: why.
        crashed: it is not the author's fault, and trying again may help.
    """
    run, epoch, now = order.run.bytes, order.epoch, session.clock.now_us()
    kind = StateType.CRASHED if crashed else StateType.FAILED
    message = f"{what}: {type(error).__name__}: {error}"
    session.journal.append(
        RunOpened(
            run=run,
            epoch=epoch,
            n=0,
            at=now,
            flow=order.flow_name,
            name=order.name,
            writer=session.journal.writer,
            reason="resume" if epoch > 1 else "new",
            entrypoint=order.code.entrypoint,
            tags=order.tags,
            host=HOST,
            pid=os.getpid(),
            levada=session.version,
            deployment=None if order.deployment_id is None else order.deployment_id.bytes,
            deployed=order.deployment_version,
        )
    )
    session.journal.append(LogLine(run, None, now, _ERROR, FLOW_RUNS, f"{what}.\n{authors_traceback(error)}"))
    session.journal.append(RunState(run, epoch, 1, now, STATE_CODES[kind], DEFAULT_NAMES[kind], message))
