"""What authors may write of a deployment, and what it means."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from levada.core.errors import ConfigurationError, ParameterTypeError
from levada.deployments import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, needs
from levada.deployments.options import as_environment, as_needs, byte_size, concurrency, json_parameters
from levada.deployments.timing import as_spec, schedules_from
from levada.wire.deployments import CronTiming, EnvironmentSpec, IntervalTiming, Needs, RRuleTiming, ScheduleSpec


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, (None, "queue")),
        (3, (3, "queue")),
        (ConcurrencyLimitConfig(2, "CANCEL_NEW"), (2, "cancel_new")),
        (ConcurrencyLimitConfig(2, ConcurrencyLimitStrategy.COALESCE_LATEST), (2, "coalesce_latest")),
        ({"limit": 1, "collision_strategy": "ENQUEUE"}, (1, "queue")),
        ({"limit": 1, "collision_strategy": "cancel-running", "grace_period_seconds": 60}, (1, "cancel_running")),
    ],
)
def test_a_concurrency_limit_may_be_written_in_these_ways(given: Any, meant: tuple[int | None, str]) -> None:
    assert concurrency(given) == meant


@pytest.mark.parametrize("given", [0, -1, True, "many", {"most": 2}, {"limit": 1, "collision_strategy": "hope"}])
def test_other_concurrency_limits_are_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError):
        concurrency(given)


@pytest.mark.parametrize(
    ("text", "size"), [("2GiB", 2 << 30), ("512 MiB", 512 << 20), ("1.5GB", 1_500_000_000), ("4Gi", 4 << 30), (7, 7)]
)
def test_sizes_of_memory(text: Any, size: int) -> None:
    assert byte_size(text) == size


@pytest.mark.parametrize("text", ["lots", "2XB", "-1", -1])
def test_what_is_no_size(text: Any) -> None:
    with pytest.raises(ConfigurationError):
        byte_size(text)


def test_needs_say_what_a_worker_must_have() -> None:
    meant = Needs(cpu=2.0, memory=1 << 30, labels=("gpu", "zone=eu"))
    assert needs(cpu=2, memory="1GiB", labels=["gpu", "zone=eu"]) == meant
    assert as_needs({"cpu": 2, "memory": "1GiB", "labels": ["gpu", "zone=eu"]}) == meant
    assert as_needs(None) == Needs()
    with pytest.raises(ConfigurationError, match="cpu, memory, gpu and labels"):
        as_needs({"disk": 1})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["polars==1.0"], EnvironmentSpec(requirements=["polars==1.0"])),
        ("requirements.txt", EnvironmentSpec(requirements_file="requirements.txt")),
        ("pyproject.toml", EnvironmentSpec(pyproject=".")),
        ("jobs/pyproject.toml", EnvironmentSpec(pyproject="jobs")),
        ("jobs", EnvironmentSpec(pyproject="jobs")),
        ("uv.lock", EnvironmentSpec(lock="uv.lock")),
        ("pylock.nightly.toml", EnvironmentSpec(lock="pylock.nightly.toml")),
        (
            {"requirements": "requirements.txt", "python": "3.12"},
            EnvironmentSpec(requirements_file="requirements.txt", python="3.12"),
        ),
    ],
)
def test_an_environment_may_be_written_in_these_ways(given: Any, meant: EnvironmentSpec) -> None:
    assert as_environment(given) == meant


@pytest.mark.parametrize("given", [{}, {"lock": "uv.lock", "pyproject": "."}, "polars==1.0", 3, {"conda": "x"}])
def test_other_environments_are_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError):
        as_environment(given)


@pytest.mark.parametrize(
    ("keywords", "timings"),
    [
        ({"cron": "0 6 * * *", "timezone": "Europe/Lisbon"}, [CronTiming("0 6 * * *", "Europe/Lisbon")]),
        ({"cron": ["0 6 * * *", "0 18 * * *"]}, [CronTiming("0 6 * * *"), CronTiming("0 18 * * *")]),
        ({"interval": 60}, [IntervalTiming(60.0)]),
        (
            {"interval": timedelta(hours=1), "anchor_date": "2026-01-01"},
            [IntervalTiming(3600.0, datetime(2026, 1, 1, tzinfo=UTC))],
        ),
        ({"rrule": "FREQ=DAILY"}, [RRuleTiming("FREQ=DAILY")]),
        ({"schedule": {"cron": "@daily"}}, [CronTiming("@daily")]),
        ({"schedules": []}, []),
    ],
)
def test_schedules_by_keyword(keywords: dict[str, Any], timings: list[Any]) -> None:
    assert [one.timing for one in schedules_from(**keywords) or []] == timings


def test_without_a_word_about_schedules_those_there_are_stay() -> None:
    assert schedules_from() is None


def test_schedules_are_written_in_one_way() -> None:
    with pytest.raises(ConfigurationError, match="`interval` and `cron`"):
        schedules_from(cron="* * * * *", interval=5)
    with pytest.raises(ConfigurationError, match="there is none"):
        schedules_from(timezone="UTC")


def test_a_schedule_with_all_that_it_may_say() -> None:
    found = as_spec(
        {
            "cron": "0 6 * * 1",
            "timezone": "UTC",
            "day_or": False,
            "active": False,
            "slug": "mondays",
            "parameters": {"name": "Monday"},
            "jitter": timedelta(minutes=5),
            "blackout": [date(2026, 12, 25)],
            "catchup": "all",
            "max_active_runs": 1,
            "start_date": "2026-01-01T00:00:00",
            "max_scheduled_runs": 10,
        }
    )
    assert found == ScheduleSpec(
        timing=CronTiming("0 6 * * 1", day_or=False),
        active=False,
        slug="mondays",
        parameters={"name": "Monday"},
        jitter=300.0,
        blackout=["2026-12-25"],
        catchup="all",
        max_active_runs=1,
        start=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_a_schedule_around_a_rule_keeps_what_both_say() -> None:
    inner = ScheduleSpec(timing=CronTiming("@hourly"), slug="hourly")
    assert as_spec({"schedule": inner, "active": False}) == ScheduleSpec(
        timing=inner.timing, slug="hourly", active=False
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"cron": "* * * * *", "rrule": "FREQ=DAILY"}, "exactly one"),
        ({"every": 5}, "exactly one"),
        ({"interval": "5m"}, "seconds or a timedelta"),
        ({"cron": "* * * * *", "colour": "red"}, "'colour'"),
        ({"cron": "* * * * *", "catchup": "some"}, "catchup"),
        (object(), "is no schedule"),
    ],
)
def test_what_is_no_schedule(given: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        as_spec(given)


def test_parameters_that_json_cannot_hold_are_refused_by_name() -> None:
    assert json_parameters({"day": date(2026, 1, 2)}) == {"day": "2026-01-02"}
    with pytest.raises(ParameterTypeError, match="'thing' is a object"):
        json_parameters({"thing": object()})
    with pytest.raises(ParameterTypeError, match="'key' is a secret"):
        json_parameters({"key": SecretStr("xyz")})
