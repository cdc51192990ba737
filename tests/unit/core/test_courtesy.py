"""Work that may wait lets urgent work go first, for a bounded time."""

from __future__ import annotations

import contextvars
import threading
import time

from levada.core.courtesy import Road, give_way, polite


def test_work_that_may_wait_pauses_until_the_road_is_free() -> None:
    road, passed = Road(), threading.Event()

    def read() -> None:
        with polite(road, patience=60):
            give_way()
        passed.set()

    road.enter()
    road.enter()
    reader = threading.Thread(target=read)
    reader.start()
    road.leave()
    assert not passed.wait(0.05)
    road.leave()
    assert passed.wait(20)
    reader.join()


def test_it_pauses_a_bounded_time_in_all() -> None:
    road = Road()
    road.enter()
    began = time.monotonic()
    with polite(road, patience=0.02):
        for _ in range(1000):
            give_way()
    assert time.monotonic() - began < 5


def test_work_of_which_nobody_said_that_it_may_wait_does_not() -> None:
    road = Road()
    road.enter()
    give_way()
    with polite(road, patience=60):
        pass
    give_way()


def test_a_thread_that_is_given_the_context_is_polite_too() -> None:
    road, passed = Road(), threading.Event()
    road.enter()
    with polite(road, patience=60):
        context = contextvars.copy_context()
    reader = threading.Thread(target=lambda: (context.run(give_way), passed.set()))
    reader.start()
    assert not passed.wait(0.05)
    road.leave()
    assert passed.wait(20)
    reader.join()
