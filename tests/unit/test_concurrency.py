"""Concurrency and rate limits as authors use them, in one process and across processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import levada.concurrency
from levada import flow, task
from levada.concurrency import aconcurrency, arate_limit, concurrency, rate_limit
from levada.control import ControlPlane
from levada.control.limits import Limits
from levada.core.errors import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError
from levada.session import current
from levada.testing import eventually, harness


@pytest.fixture(autouse=True)
def home(levada_home: Path) -> Iterator[Path]:
    """A home and a session of this test's own."""
    with harness() as test:
        yield test.home


@pytest.fixture
def limits(home: Path) -> Iterator[Limits]:
    plane = ControlPlane(home)
    yield plane.limits
    plane.close()


def held(limits: Limits, name: str) -> int:
    return limits.read(name).active_slots


def test_a_slot_is_held_inside_the_block_and_free_after_it(limits: Limits) -> None:
    limits.create("db", 2)
    with concurrency("db", occupy=2):
        assert held(limits, "db") == 2
    assert held(limits, "db") == 0


async def test_async_code_holds_slots_too(limits: Limits) -> None:
    limits.create("db", 2)
    limits.create("api", 1)
    async with aconcurrency(["db", "api"]):
        assert (held(limits, "db"), held(limits, "api")) == (1, 1)
    assert (held(limits, "db"), held(limits, "api")) == (0, 0)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_slot_is_given_back_whatever_ends_the_block(limits: Limits, error: type[BaseException]) -> None:
    limits.create("db", 1)
    with pytest.raises(error), concurrency("db"):
        raise error
    assert held(limits, "db") == 0


def test_a_slot_is_given_back_when_a_generator_is_closed_inside_the_block(limits: Limits) -> None:
    limits.create("db", 1)

    def rows() -> Iterator[int]:
        with concurrency("db"):
            yield 1

    begun = rows()
    next(begun)
    assert held(limits, "db") == 1
    begun.close()
    assert held(limits, "db") == 0


def test_a_missing_limit_is_an_error_that_says_what_to_do() -> None:
    with (
        pytest.raises(ConcurrencySlotAcquisitionError, match="levada concurrency-limit create typo"),
        concurrency("typo"),
    ):
        pytest.fail("the block ran without a limit")
    with pytest.raises(ConcurrencySlotAcquisitionError, match="typo"):
        rate_limit("typo")


def test_a_missing_limit_bounds_nothing_when_the_author_says_so() -> None:
    ran = []
    with concurrency("typo", strict=False):
        ran.append(1)
    rate_limit("typo", strict=False)
    assert ran == [1]


def test_a_missing_limit_bounds_nothing_when_the_setting_says_so() -> None:
    ran = []
    with harness(settings={"concurrency.strict": False}):
        with concurrency("typo"):
            ran.append(1)
        with pytest.raises(ConcurrencySlotAcquisitionError), concurrency("typo", strict=True):
            pytest.fail("the block ran without a limit")
    assert ran == [1]


def test_no_names_are_no_limit() -> None:
    ran = []
    with concurrency([]):
        ran.append(1)
    rate_limit([])
    assert ran == [1]


def test_a_name_that_is_not_text_is_an_error() -> None:
    with pytest.raises(TypeError, match="is text"), concurrency([7]):
        pass


def test_a_lease_too_short_to_be_renewed_is_an_error(limits: Limits) -> None:
    limits.create("db", 1)
    with pytest.raises(ValueError, match="a second or more"), concurrency("db", lease_duration=0.1):
        pass


def test_waiting_ends_with_a_timeout_that_is_a_timeout_error(limits: Limits) -> None:
    limits.create("db", 1)
    with concurrency("db"):
        with (
            pytest.raises(AcquireConcurrencySlotTimeoutError, match=r"'db'.*0\.05 s"),
            concurrency("db", timeout_seconds=0.05),
        ):
            pytest.fail("a second slot was given")
        with pytest.raises(TimeoutError), concurrency("db", timeout_seconds=0):
            pytest.fail("a second slot was given")
        assert held(limits, "db") == 1


async def test_async_waiting_ends_with_a_timeout_too(limits: Limits) -> None:
    limits.create("db", 1)
    async with aconcurrency("db"):
        with pytest.raises(AcquireConcurrencySlotTimeoutError):
            async with aconcurrency("db", timeout_seconds=0.05):
                pytest.fail("a second slot was given")
    assert held(limits, "db") == 0


def test_waiting_ends_after_the_retries_that_were_allowed(limits: Limits) -> None:
    limits.create("db", 1)
    with (
        concurrency("db"),
        pytest.raises(AcquireConcurrencySlotTimeoutError, match="after 3 attempts"),
        concurrency("db", max_retries=2),
    ):
        pytest.fail("a second slot was given")


def test_threads_wait_for_each_other_and_are_woken_at_once(limits: Limits) -> None:
    limits.create("db", 1)
    inside = threading.Event()
    may_go = threading.Event()
    done = threading.Event()

    def first() -> None:
        with concurrency("db"):
            inside.set()
            assert may_go.wait(20)

    def second() -> None:
        with concurrency("db"):
            done.set()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(20)
    threads[1].start()
    assert not done.wait(0.1)
    may_go.set()
    assert done.wait(20)
    for thread in threads:
        thread.join()


def test_who_came_first_is_served_first(limits: Limits) -> None:
    limits.create("db", 1)
    order: list[int] = []
    slots = current().limits()
    threads = []

    def work(number: int) -> None:
        with concurrency("db"):
            order.append(number)

    with concurrency("db"):
        for number in range(8):
            thread = threading.Thread(target=work, args=(number,))
            thread.start()
            threads.append(thread)
            eventually(lambda number=number: sum(len(line) for line in slots._lines._lines.values()) == number + 1)
    for thread in threads:
        thread.join()
    assert order == list(range(8))


async def test_many_coroutines_never_overshoot_and_all_get_through(limits: Limits) -> None:
    limits.create("db", 3)
    now, most, through = 0, 0, 0

    async def work() -> None:
        nonlocal now, most, through
        async with aconcurrency("db"):
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1
            through += 1

    await asyncio.gather(*(work() for _ in range(40)))
    assert through == 40
    assert 1 <= most <= 3


async def test_a_coroutine_that_is_cancelled_while_it_waits_leaves_nothing_behind(limits: Limits) -> None:
    limits.create("db", 1)

    async def work() -> None:
        async with aconcurrency("db"):
            pytest.fail("it was cancelled before it had a slot")

    async with aconcurrency("db"):
        waiting = [asyncio.create_task(work()) for _ in range(20)]
        await asyncio.sleep(0.02)
        for one in waiting:
            one.cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    eventually(lambda: held(limits, "db") == 0)
    async with aconcurrency("db", timeout_seconds=20):
        pass


async def test_a_coroutine_that_is_cancelled_while_it_takes_a_free_slot_leaves_nothing_behind(limits: Limits) -> None:
    """The thread that asks the store is not stopped by a cancellation: what it gets afterwards it must give back."""
    limits.create("db", 50)

    async def work() -> None:
        async with aconcurrency("db"):
            await asyncio.Event().wait()

    for _ in range(30):
        one = asyncio.create_task(work())
        await asyncio.sleep(0)
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one
    eventually(lambda: held(limits, "db") == 0)


def test_a_rate_limit_lets_a_burst_through_and_then_waits(limits: Limits) -> None:
    limits.create("api", 3, decay=20.0)
    started = time.monotonic()
    for _ in range(3):
        rate_limit("api")
    burst = time.monotonic() - started
    for _ in range(4):
        rate_limit("api")
    assert time.monotonic() - started >= (7 - 3) / 20 - 0.001
    assert burst < time.monotonic() - started


async def test_async_code_is_rate_limited_too(limits: Limits) -> None:
    limits.create("api", 1, decay=50.0)
    started = time.monotonic()
    await asyncio.gather(*(arate_limit("api") for _ in range(6)))
    assert time.monotonic() - started >= 5 / 50 - 0.001


def test_a_virtual_clock_makes_rate_limits_take_no_time() -> None:
    with harness(virtual_clock=True) as test:
        test.control.limits.create("api", 1, decay=1 / 60)
        for _ in range(10):
            rate_limit("api")
        assert sum(test.clock.slept) == pytest.approx(9 * 60, abs=1)


def test_under_a_virtual_clock_holders_are_still_waited_for() -> None:
    """They are real threads: a timeout must not pass at once because sleeping takes no time."""
    with harness(virtual_clock=True) as test:
        test.control.limits.create("db", 1)
        inside, may_go = threading.Event(), threading.Event()

        def hold() -> None:
            with concurrency("db"):
                inside.set()
                assert may_go.wait(20)

        holder = threading.Thread(target=hold)
        holder.start()
        assert inside.wait(20)
        threading.Timer(0.05, may_go.set).start()
        with concurrency("db", timeout_seconds=20):
            assert may_go.is_set()
        holder.join()


def test_a_rate_limit_that_cannot_be_met_in_time_says_so_at_once(limits: Limits) -> None:
    limits.create("api", 1, decay=0.001)
    rate_limit("api")
    started = time.monotonic()
    with pytest.raises(AcquireConcurrencySlotTimeoutError):
        rate_limit("api", timeout_seconds=60)
    assert time.monotonic() - started < 30


def test_slots_that_were_lost_during_the_block_are_told_when_that_is_wanted(limits: Limits) -> None:
    limits.create("db", 1)
    with (
        pytest.raises(ConcurrencySlotAcquisitionError, match="were lost while they were held"),
        concurrency("db", lease_duration=1, raise_on_lease_renewal_failure=True),
    ):
        limits.reset("db")
        intruder = limits.acquire(["db"], 1, asker())
        slots = current().limits()
        eventually(lambda: any(holding.lost for holding in slots._keeper._due))
        limits.release(intruder.lease)


def asker():
    from levada.control.limits import Asker  # lazy: beside the one test that plays another process

    return Asker(None)


def test_a_held_slot_is_renewed_for_longer_than_its_lease(limits: Limits) -> None:
    limits.create("db", 1)
    with concurrency("db", lease_duration=1):
        (before,) = limits.read("db").holders
        eventually(lambda: limits.read("db").holders[0].expires > before.expires)


def test_the_urgent_are_served_before_those_who_wait_already(limits: Limits) -> None:
    limits.create("db", 1)
    served: list[str] = []

    def wait(name: str, priority: int) -> None:
        with concurrency("db", priority=priority):
            served.append(name)

    threads = [
        threading.Thread(target=wait, args=("calm", 0)),
        threading.Thread(target=wait, args=("urgent", 3)),
    ]
    with concurrency("db"):
        for number, thread in enumerate(threads, 1):
            thread.start()
            eventually(lambda number=number: limits.read("db").waiting == number)
    for thread in threads:
        thread.join()
    assert served == ["urgent", "calm"]


def test_a_priority_is_a_whole_number(limits: Limits) -> None:
    limits.create("db", 1)
    with pytest.raises(TypeError, match="A priority is a whole number, got 'high'"), concurrency("db", priority="high"):
        pass


def test_the_package_mirrors_the_import_paths_that_authors_know() -> None:
    from levada.concurrency.asyncio import concurrency as a  # lazy: the import is what is tested
    from levada.concurrency.sync import concurrency as s  # lazy: the import is what is tested

    assert (s, a) == (levada.concurrency.concurrency, levada.concurrency.aconcurrency)


def test_tasks_of_a_tag_share_its_slots(limits: Limits) -> None:
    limits.create("tag:db", 2)
    lock = threading.Lock()
    now, most = 0, 0

    @task(tags=["db"])
    def work(number: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        seen = held(limits, "tag:db")
        with lock:
            now -= 1
        assert 1 <= seen <= 2
        return number

    @flow
    def many() -> list[int]:
        return [future.result() for future in work.map(range(20))]

    assert many() == list(range(20))
    assert 1 <= most <= 2
    assert held(limits, "tag:db") == 0


async def test_more_async_tasks_than_threads_wait_without_starving_the_holders(limits: Limits) -> None:
    limits.create("tag:db", 1)

    @task(tags=["db"])
    async def work(number: int) -> int:
        await asyncio.to_thread(held, limits, "tag:db")
        return number

    @flow
    async def many() -> list[int]:
        return await asyncio.gather(*(work(number) for number in range(50)))

    assert await many() == list(range(50))
    assert held(limits, "tag:db") == 0


def test_a_closed_limit_fails_its_tasks_instead_of_hanging_them(limits: Limits) -> None:
    limits.create("tag:db", 0)

    @task(tags=["db"])
    def work() -> None:
        pytest.fail("it ran")

    @flow
    def closed() -> None:
        work()

    with pytest.raises(ConcurrencySlotAcquisitionError, match="closed"):
        closed()


def test_slots_are_free_while_a_task_only_waits_for_its_retry() -> None:
    with harness(virtual_clock=True) as test:
        test.control.limits.create("tag:db", 1)
        seen = []
        sleep = test.clock.sleep

        def looking(seconds: float) -> None:
            seen.append(held(test.control.limits, "tag:db"))
            sleep(seconds)

        test.clock.sleep = looking
        attempts = []

        @task(tags=["db"], retries=2, retry_delay_seconds=60)
        def flaky() -> None:
            attempts.append(held(test.control.limits, "tag:db"))
            if len(attempts) < 3:
                raise ValueError("not yet")

        @flow
        def retrying() -> None:
            flaky()

        retrying()
        assert attempts == [1, 1, 1]
        assert seen == [0, 0]
        assert held(test.control.limits, "tag:db") == 0


# Across processes

CONTENDER = """
import os, sys, time
from levada.concurrency import concurrency

log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
for _ in range(int(sys.argv[2])):
    with concurrency("db"):
        os.write(log, b"+")
        time.sleep(0.002)
        os.write(log, b"-")
"""

HOLDER = """
import sys
from levada.concurrency import concurrency

with concurrency("db", occupy=2):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_processes_that_contend_never_hold_more_than_the_limit(limits: Limits, tmp_path: Path) -> None:
    """Each process appends a plus when it has its slot and a minus before it gives it back.

    The running sum is what was held at that moment, at the least.
    """
    limits.create("db", 2)
    log = tmp_path / "log"
    log.touch()
    processes = [subprocess.Popen([sys.executable, "-c", CONTENDER, str(log), "15"]) for _ in range(5)]
    assert [process.wait(120) for process in processes] == [0] * 5
    balance, most = 0, 0
    for mark in log.read_text():
        balance += 1 if mark == "+" else -1
        most = max(most, balance)
    assert log.read_text().count("+") == 5 * 15
    assert (balance, most) == (0, 2)
    assert held(limits, "db") == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_holder_that_is_killed_frees_its_slots_at_once(limits: Limits, how: signal.Signals) -> None:
    limits.create("db", 2)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        assert held(limits, "db") == 2
        with pytest.raises(TimeoutError), concurrency("db", timeout_seconds=0.05):
            pass
        holder.send_signal(how)
        holder.wait(60)
        with concurrency("db", occupy=2, timeout_seconds=20):
            assert [one.owner for one in limits.read("db").holders] == [f"{os.uname().nodename}:{os.getpid()}"]
    finally:
        holder.kill()
        holder.communicate()


def test_a_waiting_process_gets_the_slot_of_one_that_is_killed(limits: Limits) -> None:
    limits.create("db", 2)
    holder, waiter = (
        subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    )
    try:
        import select  # lazy: only here it is seen which of two processes was first

        ready, _, _ = select.select([holder.stdout, waiter.stdout], [], [], 60)
        first, second = (holder, waiter) if ready[0] is holder.stdout else (waiter, holder)
        assert first.stdout.readline() == "held\n"
        first.kill()
        first.wait(60)
        assert second.stdout.readline() == "held\n"
    finally:
        for process in (holder, waiter):
            process.kill()
            process.communicate()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_give_back_what_its_parent_holds(limits: Limits) -> None:
    limits.create("db", 1)
    with concurrency("db"):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with pytest.raises(TimeoutError), concurrency("db", timeout_seconds=0.05):
                    pass
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert held(limits, "db") == 1
    assert held(limits, "db") == 0


def test_a_key_bounds_each_of_its_values_by_itself(limits: Limits) -> None:
    limits.create("api", 1)
    with concurrency("api", key="acme"):
        with concurrency("api", key="globex", timeout_seconds=0):
            assert held(limits, "api[acme]") == held(limits, "api[globex]") == 1
        with pytest.raises(TimeoutError), concurrency("api", key="acme", timeout_seconds=0.02):
            pass
    with pytest.raises(TypeError, match="key of a concurrency limit is text, got 7"), concurrency("api", key=7):
        pass
