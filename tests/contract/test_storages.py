"""What every result storage promises, over all of them, through the store that uses them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from levada.core.errors import MissingResult
from levada.filesystems import LocalFileSystem, MemoryFileSystem, PathNotFoundError
from levada.results import ResultStore


class OnlyTwoVerbs:
    """The least that a storage may be."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def read_path(self, path: str) -> bytes:
        if path not in self.files:
            raise ValueError(f"Path {path} does not exist.")
        return self.files[path]

    def write_path(self, path: str, content: bytes) -> None:
        self.files[path] = content


class OnlyTwoCoroutines:
    """A storage of the async kind."""

    def __init__(self) -> None:
        self.inner = OnlyTwoVerbs()

    async def read_path(self, path: str) -> bytes:
        await asyncio.sleep(0)
        return self.inner.read_path(path)

    async def write_path(self, path: str, content: bytes) -> None:
        await asyncio.sleep(0)
        self.inner.write_path(path, content)


STORAGES = {
    "local": lambda folder: LocalFileSystem(folder / "results"),
    "local, durable": lambda folder: LocalFileSystem(folder / "results", durable=True),
    "memory": lambda _: MemoryFileSystem(),
    "two verbs": lambda _: OnlyTwoVerbs(),
    "two coroutines": lambda _: OnlyTwoCoroutines(),
}
LARGE = "x" * 300_000


@pytest.fixture(params=STORAGES.values(), ids=STORAGES.keys())
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ResultStore:
    return ResultStore(request.param(tmp_path), home_storage=MemoryFileSystem())


@pytest.mark.parametrize("value", [{"a": 1}, LARGE], ids=["small", "large"])
def test_what_is_persisted_is_found_and_loaded(store, value):
    written = store.persist("key", value)
    found = store.lookup("key")
    assert found == written
    assert store.load(found) == value
    assert store.read("key").result == value
    assert store.exists("key")


@pytest.mark.parametrize("value", [{"a": 1}, LARGE], ids=["small", "large"])
async def test_async_code_has_the_same_verbs(store, value):
    written = await store.apersist("key", value)
    found = await store.alookup("key")
    assert found == written
    assert await store.aload(found) == value
    assert (await store.aread("key")).result == value
    assert await store.aexists("key")


async def test_sync_verbs_work_inside_a_running_loop(store):
    store.persist("key", [1])
    assert store.load(store.lookup("key")) == [1]


def test_a_key_without_a_result_is_not_found(store):
    assert store.lookup("nothing") is None
    assert not store.exists("nothing")
    with pytest.raises(ValueError, match="nothing"):
        store.read("nothing")


def test_the_last_result_of_a_key_stays(store):
    store.persist("key", 1)
    store.persist("key", 2)
    assert store.load(store.lookup("key")) == 2


ODD_KEYS = ["../escape", "/etc/passwd", "a/b/c", "..", ".", "", "a//b", ".hidden", "~", "tab\there", "é—ü", "\ud800"]
ODD_KEYS += ["x" * 500, "a\\b", "100%", "con:*?", "trailing.", "a b"]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_any_text_is_a_key(store, key):
    store.persist(key, {"key": key})
    assert store.load(store.lookup(key)) == {"key": key}


def test_a_forgotten_key_is_not_found(store):
    store.persist("key", 1)
    store.forget("key")
    assert store.lookup("key") is None
    store.forget("key")
    store.persist("key", 2)
    assert store.load(store.lookup("key")) == 2


def test_large_values_nobody_asked_to_persist_go_there_too(store):
    payload = store.keep(LARGE)
    assert payload.data is None
    assert store.load(payload) == LARGE


def test_metadata_may_be_kept_apart(store, tmp_path):
    apart = store.model_copy(update={"metadata_storage": MemoryFileSystem()})
    apart.persist("key", LARGE)
    assert apart.load(apart.lookup("key")) == LARGE
    assert len(apart.metadata_storage.files["key"]) < 1000
    apart.forget("key")
    assert apart.lookup("key") is None


def test_a_value_that_is_gone_says_so(store):
    payload = store.persist("key", LARGE)
    store.forget("key")
    with pytest.raises(MissingResult, match=r"gone.*'key'|cut"):
        store.load(payload)


@pytest.mark.parametrize("storage", [LocalFileSystem, MemoryFileSystem], ids=["local", "memory"])
def test_our_storages_say_what_is_missing(storage, tmp_path):
    made = storage(tmp_path) if storage is LocalFileSystem else storage()
    with pytest.raises(PathNotFoundError, match="does not exist"):
        made.read_path("nothing")
    assert not made.exists("nothing")
    made.delete("nothing")
