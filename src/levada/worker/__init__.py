"""Executes the runs of a work pool: claims them, starts their processes, watches them, says how they ended.

May import client, journal, settings, wire and core; never what authors write. A worker lives as long as its command;
the process of each run, and its supervisor, live on without it.

`loop` asks for work, `runs` sees each run through, `launchers` start processes, `supervisor` is the small process
beside each, `jobs` is what lies on disk between them, `shipping` brings the control plane what they recorded.
"""

from __future__ import annotations

from levada.worker.health import HealthServer
from levada.worker.loop import WorkerLoop, WorkerOptions

__all__ = ["HealthServer", "WorkerLoop", "WorkerOptions"]
