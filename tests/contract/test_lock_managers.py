"""What every lock manager promises, over all of them."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest

from levada.locking import FileSystemLockManager, LockManager, MemoryLockManager

MANAGERS = {
    "memory": lambda _: MemoryLockManager(),
    "files": lambda folder: FileSystemLockManager(folder / "locks"),
}


@pytest.fixture(params=MANAGERS.values(), ids=MANAGERS.keys())
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> LockManager:
    return request.param(tmp_path)


@pytest.fixture
def key() -> str:
    # The memory manager is one for the whole process: each test has a key of its own.
    return f"a/key with odd characters é {uuid4()}"


def test_it_is_a_lock_manager(manager):
    assert isinstance(manager, LockManager)


def test_a_free_lock_is_given(manager, key):
    assert not manager.is_locked(key)
    assert manager.acquire_lock(key, "me")
    assert manager.is_locked(key)
    assert manager.is_lock_holder(key, "me")
    assert not manager.is_lock_holder(key, "you")
    manager.release_lock(key, "me")
    assert not manager.is_locked(key)
    assert not manager.is_lock_holder(key, "me")


def test_a_lock_that_is_held_is_not_given_in_the_time(manager, key):
    manager.acquire_lock(key, "me")
    assert not manager.acquire_lock(key, "you", acquire_timeout=0)
    assert not manager.acquire_lock(key, "you", acquire_timeout=0.02)
    assert not manager.wait_for_lock(key, timeout=0.02)
    assert manager.is_lock_holder(key, "me")


def test_the_same_holder_gets_it_again(manager, key):
    assert manager.acquire_lock(key, "me")
    assert manager.acquire_lock(key, "me", acquire_timeout=0)
    manager.release_lock(key, "me")
    assert not manager.is_locked(key)


def test_only_the_holder_releases(manager, key):
    with pytest.raises(ValueError, match="No lock held by me"):
        manager.release_lock(key, "me")
    manager.acquire_lock(key, "me")
    with pytest.raises(ValueError, match="No lock held by you"):
        manager.release_lock(key, "you")
    assert manager.is_lock_holder(key, "me")


def test_who_waits_gets_it_when_it_is_released(manager, key):
    manager.acquire_lock(key, "me")
    asked, got = threading.Event(), threading.Event()

    def wait() -> None:
        asked.set()
        assert manager.acquire_lock(key, "you")
        got.set()

    thread = threading.Thread(target=wait)
    thread.start()
    asked.wait()
    assert not got.wait(0.02)
    manager.release_lock(key, "me")
    assert got.wait(10)
    thread.join()
    assert manager.is_lock_holder(key, "you")
    manager.release_lock(key, "you")


def test_waiting_for_a_free_lock_takes_no_time_and_does_not_take_it(manager, key):
    assert manager.wait_for_lock(key, timeout=0)
    assert not manager.is_locked(key)


async def test_coroutines_wait_without_blocking_the_loop(manager, key):
    assert await manager.aacquire_lock(key, "me")
    waiting = asyncio.create_task(manager.aacquire_lock(key, "you"))
    free = asyncio.create_task(manager.await_for_lock(key))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    manager.release_lock(key, "me")
    assert await asyncio.wait_for(waiting, 10)
    manager.release_lock(key, "you")
    assert await asyncio.wait_for(free, 10)
    assert not manager.is_locked(key)


async def test_a_coroutine_that_is_cancelled_leaves_the_queue(manager, key):
    await manager.aacquire_lock(key, "me")
    waiting = asyncio.create_task(manager.aacquire_lock(key, "you"))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    manager.release_lock(key, "me")
    assert not manager.is_locked(key)


async def test_a_coroutine_waits_no_longer_than_asked(manager, key):
    await manager.aacquire_lock(key, "me")
    assert not await manager.aacquire_lock(key, "you", acquire_timeout=0.01)
    assert not await manager.await_for_lock(key, timeout=0.01)


def test_a_lock_is_given_up_after_its_hold_timeout(manager, key):
    manager.acquire_lock(key, "me", hold_timeout=0.02)
    assert manager.is_locked(key)
    assert manager.acquire_lock(key, "you", acquire_timeout=10)
    assert manager.is_lock_holder(key, "you")
    with pytest.raises(ValueError, match="No lock held by me"):
        manager.release_lock(key, "me")


def test_taking_it_again_gives_it_new_time(manager, key):
    manager.acquire_lock(key, "me", hold_timeout=0.01)
    manager.acquire_lock(key, "me", hold_timeout=60)
    started = time.monotonic()
    assert not manager.acquire_lock(key, "you", acquire_timeout=0.03)
    assert time.monotonic() - started >= 0.03


def test_many_threads_are_inside_one_at_a_time(manager, key):
    inside, most, entries = 0, 0, 0

    def work(name: str) -> None:
        nonlocal inside, most, entries
        for _ in range(10):
            assert manager.acquire_lock(key, name)
            inside += 1
            most = max(most, inside)
            entries += 1
            inside -= 1
            manager.release_lock(key, name)

    threads = [threading.Thread(target=work, args=(f"thread {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, entries) == (1, 60)


def test_locks_on_different_keys_do_not_meet(manager, key):
    assert manager.acquire_lock(key, "me")
    assert manager.acquire_lock(key + "2", "you", acquire_timeout=0)
    manager.release_lock(key, "me")
    manager.release_lock(key + "2", "you")


def test_a_manager_survives_pickling(manager):
    # Policies with lock managers go to the children of a process pool.
    assert pickle.loads(pickle.dumps(manager)) == manager
