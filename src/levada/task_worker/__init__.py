"""Serving tasks: this process executes their delayed calls, on threads and an event loop of its own.

May import what the verbs of the face may. A process that serves is a worker of the pool `background-tasks` which takes
only calls of its tasks. `calls` turns a claimed order into a run of the task, `hands` sees many of them through at
once, `serving` is the life of the process. `levada.task_runs` is the side that makes the calls.
"""

from __future__ import annotations

from levada.task_worker.serving import TaskWorker, aserve, serve

__all__ = ["TaskWorker", "aserve", "serve"]
