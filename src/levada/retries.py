"""How often, after how long and upon what a flow or task is attempted again.

::

    from levada import task
    from levada.retries import exponential_backoff, fail, on


    @task(
        retries=5,
        retry_delay_seconds=exponential_backoff(2),
        retry=[on(AuthError, fail), on(RateLimited, after="retry-after", limit=20)],
    )
    def fetch(page: int) -> list[dict]: ...
"""

from __future__ import annotations

from levada.core.retries import RetryDecision, RetryPolicy, RetryRule, default, exponential_backoff, fail, on

__all__ = ["RetryDecision", "RetryPolicy", "RetryRule", "default", "exponential_backoff", "fail", "on"]
