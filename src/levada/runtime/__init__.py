"""What runs, as attributes: `runtime.flow_run.name`, `runtime.task_run.id`, `runtime.deployment.parameters`.

Outside runs every attribute has an empty value. In tests any of them can be set from outside with an environment
variable ``LEVADA__RUNTIME__FLOW_RUN__NAME`` (or ``PREFECT__RUNTIME__…``), which is turned into the attribute's type.
"""

from __future__ import annotations

from levada.runtime import deployment, flow_run, task_run

__all__ = ["deployment", "flow_run", "task_run"]
