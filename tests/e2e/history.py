"""Runs of flows that a server is filled with: `python -m tests.e2e.history`, with LEVADA_API_URL set."""

from __future__ import annotations

import contextlib

from tests.e2e import flows


def make() -> None:
    """Run everything that ends by itself."""
    for day in ("2026-11-20", "2026-11-21", "2026-11-22"):
        flows.nightly_orders(day)
    for model in ("linear", "boosted"):
        flows.train_model(model, 0.05)
    for failing in (flows.exchange_rates, lambda: flows.check_tables(empty=True)):
        with contextlib.suppress(ConnectionError, ValueError):  # that is what they are for
            failing()
    flows.check_tables()
    flows.sensors()


if __name__ == "__main__":
    make()
