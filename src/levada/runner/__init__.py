"""Names that programs written for other orchestrators look for in a module `runner`: serving, and where code is kept.

May import all the verbs. Nothing lives here but `storage`: what serves is `levada.serving`, what is served is
`levada.deployments.Deployment`.
"""

from __future__ import annotations

from levada.deployments.deployment import Deployment as RunnerDeployment
from levada.deployments.deployment import EntrypointType
from levada.serving import aserve, serve

__all__ = ["EntrypointType", "RunnerDeployment", "aserve", "serve"]
