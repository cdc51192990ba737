"""Delayed calls of tasks, from the side of who makes them: how a call is handed over, and how one waits for its end.

May import what the verbs of the face may. A delayed call is a flow run of the pool `background-tasks`, made by the
control plane; `levada.task_worker` is the side that serves them. `delaying` hands calls over, `futures` is what the
caller gets, `watching` is the one thread of a process that waits for their ends.
"""

from __future__ import annotations

from levada.task_runs.delaying import Delayer
from levada.task_runs.futures import DelayedFuture
from levada.task_runs.names import queue_of

__all__ = ["DelayedFuture", "Delayer", "queue_of"]
