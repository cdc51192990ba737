"""Deployments: what is to run without anybody at hand, as authors write it, hand it over, and ask for runs of it.

A `Deployment` is made from a flow (`deployment.py`), out of what the author says (`options.py`, `timing.py`) and what
the code is (`code.py`). `registering.py` hands it to the control plane; `files.py` keeps it in a file in between, and
`older.py` knows how older programs say all that. `running.py` asks for runs, from inside a run as one of its calls
(`calls.py`). May import all the verbs; nothing below imports it. A value lives until it is applied: from then on the
control plane knows it.
"""

from __future__ import annotations

from levada.deployments.deployment import Deployment, EntrypointType
from levada.deployments.options import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, needs
from levada.deployments.registering import DeploymentApplyError, adeploy, deploy
from levada.deployments.running import arun_deployment, run_deployment

__all__ = [
    "ConcurrencyLimitConfig",
    "ConcurrencyLimitStrategy",
    "Deployment",
    "DeploymentApplyError",
    "EntrypointType",
    "adeploy",
    "arun_deployment",
    "deploy",
    "needs",
    "run_deployment",
]
