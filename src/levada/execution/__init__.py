"""Executes one flow run that a worker was given: ``python -m levada.execution ORDER`` is the program of its process.

Reads the order (a `WorkOrder` in a file), enters the folder of the code, loads the flow, and runs it as the run and
epoch that the order names. Stands among the verbs of the face; no other room of the package imports it. It lives as
long as one run. The file of the order lies in the run's job folder (`levada.worker.jobs`), where the supervisor of the
process finds what it must know.
"""

from __future__ import annotations

from levada.execution.orders import NOT_EXECUTED, execute, read_order

__all__ = ["NOT_EXECUTED", "execute", "read_order"]
