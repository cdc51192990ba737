"""The shape of services: turns, wakes, errors, stops."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

import pytest

from levada.control.plane import ControlPlane
from levada.control.services.base import LONGEST_BACKOFF, Result, Service, ServiceConfig
from levada.control.services.host import ServiceHost
from levada.control.services.registry import SERVICES, describe_services, make_services
from levada.core.errors import ConfigurationError
from levada.core.settings import ServiceSettings, Settings
from levada.testing import eventually


class Counting(Service[ServiceConfig]):
    """Counts its turns; fails while `broken`."""

    name: ClassVar[str] = "counting"
    does: ClassVar[str] = "Counts its turns."
    topics: ClassVar[frozenset[str]] = frozenset({"counting"})

    def __init__(self, plane: ControlPlane, config: ServiceConfig) -> None:
        super().__init__(plane, config)
        self.broken = False
        self.results: list[Result] = []
        self.hold = threading.Event()
        self.hold.set()

    @classmethod
    def configured(cls, plane: ControlPlane, settings: Settings) -> Self:
        """Turn once an hour."""
        return cls(plane, ServiceConfig(interval=3600.0))

    def run_once(self, now: int) -> Result:
        """Give the next of the results."""
        self.hold.wait(30)
        if self.broken:
            raise ValueError("broken on purpose")
        return self.results.pop(0) if self.results else Result(done=1, counts={"counted": 1})


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path) as made:
        yield made


@pytest.fixture
def service(plane: ControlPlane) -> Iterator[Counting]:
    made = Counting.configured(plane, Settings())
    yield made
    made.hold.set()
    assert made.stop()


def test_a_service_turns_at_once_and_then_when_it_is_woken(service: Counting) -> None:
    service.start()
    eventually(lambda: service.figures.runs == 1)
    service.wake()
    eventually(lambda: service.figures.runs == 2)
    assert service.figures.done == 2
    assert service.figures.counts == {"counted": 2}


def test_a_wake_during_a_turn_makes_another_turn(service: Counting) -> None:
    service.hold.clear()
    service.start()
    eventually(lambda: service.figures.runs == 1)
    service.wake()
    service.hold.set()
    eventually(lambda: service.figures.runs == 2)


def test_a_turn_that_left_something_is_followed_by_the_next_at_once(service: Counting) -> None:
    service.results = [Result(more=True), Result(more=True), Result()]
    service.start()
    eventually(lambda: service.figures.runs == 3)


def test_what_is_due_earlier_than_the_interval_shortens_the_pause(service: Counting) -> None:
    service.results = [Result(next_in=0.25), Result(next_in=9999.0)]
    assert service.turn() == 0.25
    assert 3240 <= service.turn() <= 3960


def test_errors_are_counted_and_logged_and_the_loop_lives_on(
    service: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    service.broken = True
    with caplog.at_level(logging.INFO):
        pauses = [service.turn() for _ in range(12)]
        service.broken = False
        service.turn()
    assert service.figures.failures == 12
    assert service.figures.failing == 0
    assert service.figures.last_error == "ValueError: broken on purpose"
    assert pauses[0] < 0.3
    assert max(pauses) <= LONGEST_BACKOFF
    said = [record.getMessage() for record in caplog.records]
    assert [line.split(",")[1].strip() for line in said if "failed," in line] == [
        f"{times} times in a row now; it goes on trying: ValueError: broken on purpose" for times in (1, 2, 4, 8)
    ]
    assert "works again, after 12 turns" in said[-1]


def test_a_service_stops_within_a_second_and_starts_again(service: Counting) -> None:
    service.start()
    eventually(lambda: service.figures.runs == 1)
    assert service.stop()
    assert not service.running
    service.start()
    eventually(lambda: service.figures.runs == 2)


def test_a_turn_that_hangs_is_left_alone_and_said(service: Counting, caplog: pytest.LogCaptureFixture) -> None:
    service.hold.clear()
    service.start()
    eventually(lambda: service.figures.runs == 1)
    assert not service.stop(0.01)
    assert "still in its last turn" in caplog.text


@pytest.mark.parametrize(
    "config",
    [
        ServiceConfig(interval=0),
        ServiceConfig(interval=float("nan")),
        ServiceConfig(interval=1, jitter=2),
        ServiceConfig(interval=1, gap=2),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(plane: ControlPlane, config: ServiceConfig) -> None:
    with pytest.raises(ConfigurationError, match="of a service"):
        Counting(plane, config)


def test_a_host_wakes_services_by_what_is_announced(plane: ControlPlane, service: Counting) -> None:
    with ServiceHost(plane, Settings(), services=[service]):
        eventually(lambda: service.figures.runs == 1)
        plane.store.transact(lambda transaction: transaction.announce("counting"))
        eventually(lambda: service.figures.runs == 2)
    assert not service.running


def test_disabled_services_are_not_made_and_unknown_names_are_an_error(plane: ControlPlane) -> None:
    off = Settings(services=ServiceSettings(disabled=("outbox",)))
    assert "outbox" not in [made.name for made in make_services(plane, off)]
    assert next(each for each in describe_services(plane, off) if each.name == "outbox").enabled is False
    with pytest.raises(ConfigurationError, match="no service 'outbux'"):
        make_services(plane, Settings(services=ServiceSettings(disabled=("outbux",))))


def test_every_service_says_what_it_does_in_one_sentence() -> None:
    assert len({kind.name for kind in SERVICES}) == len(SERVICES)
    for kind in SERVICES:
        assert kind.does.endswith("."), kind.name
        assert kind.name == kind.name.lower()
