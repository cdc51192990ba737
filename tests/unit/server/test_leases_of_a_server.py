"""The settings of leases reach both who grants them and who judges them."""

from __future__ import annotations

from pathlib import Path

from levada.core.settings import LeaseSettings, Settings
from levada.server.wiring import build
from levada.wire.ingest import IngestBatch


def test_a_server_grants_and_judges_leases_as_its_settings_say(levada_home: Path) -> None:
    built = build(Settings(home=levada_home, leases=LeaseSettings(seconds=7.0, renew_seconds=2.0)))
    try:
        answer = built.plane.take_in(IngestBatch(writer=bytes(16)))
        assert (answer.lease_seconds, answer.renew_seconds) == (7.0, 2.0)
        assert built.services is not None
        reconciler = next(each for each in built.services.services if each.name == "lease-reconciler")
        assert reconciler.config.lease_seconds == 7.0
        assert reconciler.config.interval == 0.7
    finally:
        built.close()
