"""What every test stands on: a home of its own, and no setting of the person who runs it."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from levada.engine import session as sessions
from levada.settings import refresh_settings
from tests.migration.ahead import ADVANCE_VARIABLE
from tests.postgres import URL_VARIABLE, own_postgres, postgres_server_url, postgres_url

__all__ = ["own_postgres", "postgres_server_url", "postgres_url"]  # fixtures that every test may take

_KEPT = {"LEVADA_CHAOS", "LEVADA_CHAOS_SECONDS", "LEVADA_E2E", ADVANCE_VARIABLE, URL_VARIABLE}
"""They choose how tests run; everything else would change what the product does."""


def _clean_environment() -> list[str]:
    return [name for name in os.environ if name.startswith(("LEVADA_", "PREFECT_")) and name not in _KEPT]


def pytest_configure(config: pytest.Config) -> None:
    """Hide the user's settings and home before the first test module is imported."""
    for name in _clean_environment():
        del os.environ[name]
    os.environ["LEVADA_HOME"] = os.devnull + "/collection-touches-no-home"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So a shell starts what it puts in the background, CI among it; tests that interrupt would wait for ever.
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def levada_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home of this test alone; subprocesses that it starts inherit it. No session outlives the test."""
    for name in _clean_environment():
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home") / ".levada"
    monkeypatch.setenv("LEVADA_HOME", str(home))
    refresh_settings()
    sessions.replace(None)
    yield home
    left = sessions.replace(None)
    if left is not None:
        left.close()


@pytest.fixture(autouse=True)
def _few_files_stay_open() -> Iterator[None]:
    """A leak of files ends in a test that has nothing to do with it; here it ends in the one that leaks."""
    before = len(os.listdir("/dev/fd"))
    yield
    if len(os.listdir("/dev/fd")) > before + 100:
        gc.collect()  # what only waits for the collector is no leak
        still = sorted(os.listdir("/dev/fd"), key=int)
        assert len(still) <= before + 100, f"the test leaves {len(still) - before} files open"
