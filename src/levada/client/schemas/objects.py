"""The views that verbs give back, in one place."""

from __future__ import annotations

from levada.core.states import FINAL_TYPES as TERMINAL_STATES
from levada.core.states import State as State
from levada.core.states import StateDetails as StateDetails
from levada.core.states import StateType as StateType
from levada.wire.objects import ArtifactView as Artifact
from levada.wire.objects import FlowRun as FlowRun
from levada.wire.objects import FlowView as Flow
from levada.wire.objects import LimitView as GlobalConcurrencyLimit
from levada.wire.objects import Log as Log
from levada.wire.objects import TaskRun as TaskRun
from levada.wire.objects import VariableView as Variable

__all__ = [
    "TERMINAL_STATES",
    "Artifact",
    "Flow",
    "FlowRun",
    "GlobalConcurrencyLimit",
    "Log",
    "State",
    "StateDetails",
    "StateType",
    "TaskRun",
    "Variable",
]
