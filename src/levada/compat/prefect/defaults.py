"""What is different for files written for Prefect: the defaults that their authors count on."""

from __future__ import annotations

import os


def apply() -> None:
    """Set the defaults, unless the environment says otherwise."""
    os.environ.setdefault("LEVADA_FLOWS_RETRY_REUSES_RESULTS", "false")
    os.environ.setdefault("LEVADA_CONCURRENCY_STRICT", "false")
    for name, value in list(os.environ.items()):
        if name.startswith("PREFECT_LOGGING_"):
            os.environ.setdefault(f"LEVADA_{name.removeprefix('PREFECT_')}", value)
    from levada.settings import refresh_settings  # lazy: the environment has to be right first

    refresh_settings()
