"""Named limits on how much happens at once, or how often, across all processes of a home.

`concurrency("database", occupy=2)` holds slots for the length of a block, `rate_limit("api")` lets so many through per
second; `aconcurrency` and `arate_limit` are the same for async code, and the submodules `sync` and `asyncio` offer them
under one name each. Limits are made with `levada concurrency-limit create NAME --slots N`, or through the client.

What is held is a lease that a background thread renews; it ends with the block, with the process, or when nobody renews
it. May import the client and the engine; slots are `levada.client.limits`, the law is `levada.core.limits`.
"""

from __future__ import annotations

from levada.concurrency.asyncio import concurrency as aconcurrency
from levada.concurrency.asyncio import rate_limit as arate_limit
from levada.concurrency.sync import concurrency as concurrency
from levada.concurrency.sync import rate_limit as rate_limit
from levada.core.errors import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError

__all__ = [
    "AcquireConcurrencySlotTimeoutError",
    "ConcurrencySlotAcquisitionError",
    "aconcurrency",
    "arate_limit",
    "concurrency",
    "rate_limit",
]
