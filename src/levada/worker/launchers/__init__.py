"""How a run's process comes to be: one launcher for each way, all held to one conformance suite.

`base` is the protocol; `process` starts a fresh interpreter for each run, `warm` forks one that has the flow's module
loaded. Launchers for containers have the same protocol and stand beside them.
"""

from __future__ import annotations

from levada.worker.launchers.base import Launched, Launcher, Surroundings
from levada.worker.launchers.refused import Refused

__all__ = ["Launched", "Launcher", "Refused", "Surroundings"]
