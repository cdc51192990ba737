"""`levada deployment schedule` and `levada backfill`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from levada.control import ControlPlane
from levada.core.settings import Settings
from levada.settings import get_current_settings
from levada.wire.deployments import Code, NewDeployment
from levada.wire.pools import DEFAULT_AGENT_POOL


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """The control plane of the home on which the command works, with one deployment."""
    settings: Settings = get_current_settings()
    code = Code(entrypoint="etl.py:etl", path="/srv/code", digest="d1")
    with ControlPlane(settings.home) as made:
        made.deploy(NewDeployment(flow_name="etl", name="nightly", code=code, pool=DEFAULT_AGENT_POOL))
        yield made


@pytest.mark.usefixtures("plane")
def test_a_schedule_is_made_listed_paused_and_deleted(levada):
    assert "has no schedules" in levada("deployment", "schedule", "ls", "etl/nightly").stderr
    made = levada(
        "deployment", "schedule", "create", "nightly", "--cron", "0 3 * * *", "--timezone", "Asia/Tokyo", "--slug", "n"
    )
    assert "Schedule 'n' of nightly is made: 0 3 * * *; its next time is" in made.stdout
    levada("deployment", "schedule", "create", "nightly", "--interval", "3600", "--catchup", "all", "--param", "x=1")
    first, second = levada.json("deployment", "schedule", "ls", "nightly")
    assert second["spec"]["slug"] == "n"
    assert first["spec"]["parameters"] == {"x": 1}
    listed = levada("deployment", "schedule", "ls", "nightly").stdout
    assert "every 3600 s" in listed
    assert "Asia/Tokyo" in listed
    assert "stands still" in levada("deployment", "schedule", "pause", "nightly", "n").stdout
    assert "goes on" in levada("deployment", "schedule", "resume", "nightly", "--all").stdout
    levada("deployment", "schedule", "pause", "nightly", code=2)  # there are two
    levada("deployment", "schedule", "delete", "nightly", "n", "--yes")
    assert "1 deleted" in levada("deployment", "schedule", "clear", "nightly", "--yes").stdout
    assert levada.json("deployment", "schedule", "ls", "nightly") == []


@pytest.mark.usefixtures("plane")
def test_times_are_shown_before_anything_is_made(levada):
    options = ("--cron", "30 2 * * *", "--timezone", "Europe/Zurich", "--after", "2026-03-28", "-n", "2")
    shown = levada("deployment", "schedule", "preview", *options).stdout.splitlines()
    assert shown[1].split() == ["Sat", "2026-03-28", "02:30:00", "CET", "2026-03-28", "01:30:00"]
    assert shown[2].split() == ["Sun", "2026-03-29", "03:00:00", "CEST", "2026-03-29", "01:00:00"]
    levada("deployment", "schedule", "create", "nightly", "--rrule", "FREQ=DAILY", "--slug", "d")
    times = levada.json("deployment", "schedule", "preview", "nightly", "d", "--after", "2026-03-28", "-n", "1")
    assert times == ["2026-03-29T00:00:00Z"]
    wrong = levada("deployment", "schedule", "create", "nightly", "--cron", "61 * * * *", code=1)
    assert wrong.stdout == ""
    assert "Bad minute" in wrong.stderr


@pytest.mark.usefixtures("plane")
def test_a_backfill_is_started_by_the_short_word_looked_at_and_cancelled(levada):
    span = ("--from", "2026-01-01", "--to", "2026-01-04")
    shown = levada("backfill", "etl/nightly", *span, "--every", "1d", "--dry-run").stdout.splitlines()
    assert shown == ["3 runs would be made.", *(f"  2026-01-0{day} 00:00:00 UTC" for day in (1, 2, 3))]
    assert levada.json("backfill", "ls") == []
    assert (
        "3 runs, 2 at a time" in levada("backfill", "nightly", *span, "--every", "1d", "--max-concurrency", "2").stdout
    )
    (made,) = levada.json("backfill", "ls", "etl/nightly")
    assert (made["state"], made["total"]) == ("running", 3)
    assert "is paused" in levada("backfill", "pause", made["id"]).stdout
    assert "is running" in levada("backfill", "resume", made["id"]).stdout
    assert "is cancelled" in levada("backfill", "cancel", made["id"]).stdout
    assert "cancelled" in levada("backfill", "inspect", made["id"]).stdout
    assert "etl/nightly" in levada("backfill", "ls").stdout
    levada("backfill", "watch", made["id"], code=1)
    unsaid = levada("backfill", "start", "nightly", *span, code=1)
    assert "has no schedule whose times could be taken" in unsaid.stderr
    assert "Did you mean 'pause'?" in levada("backfill", "puase", made["id"], code=2).stderr


@pytest.mark.usefixtures("plane")
def test_a_backfill_counts_days_on_the_clocks_of_its_schedule(levada):
    words = ("deployment", "schedule", "create", "nightly", "--cron", "0 0 * * *", "--timezone", "Asia/Tokyo")
    levada(*words)
    span = ("backfill", "nightly", "--from", "2026-01-01", "--to", "2026-01-03", "--dry-run")
    assert levada(*span).stdout.splitlines()[1:] == ["  2025-12-31 15:00:00 UTC", "  2026-01-01 15:00:00 UTC"]
    told = ("backfill", "nightly", "--from", "2026-01-01T00:00+00:00", "--to", "2026-01-03T00:00Z", "--dry-run")
    assert levada(*told).stdout.splitlines()[1:] == ["  2026-01-01 15:00:00 UTC", "  2026-01-02 15:00:00 UTC"]
    assert "exclude each other" in levada(*span, "--all", "--only-failed", code=2).stderr
