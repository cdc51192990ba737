from __future__ import annotations

import dataclasses
import enum
import errno
import os
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.core import faults
from levada.core.errors import ConfigurationError, MissingResult, SerializationError
from levada.filesystems import LocalFileSystem, MemoryFileSystem, RemoteFileSystem
from levada.locking import IsolationLevel, MemoryLockManager
from levada.results import (
    ResultRecord,
    ResultRecordMetadata,
    ResultStore,
    get_default_result_serializer,
    get_default_result_storage,
    get_result_store,
    resolve_result_storage,
    set_persisting,
    set_source,
    should_persist_result,
)
from levada.results.storages import path_of
from levada.wire.records import Payload

NOW = 1_700_000_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(home_storage=tmp_path / "storage", now_us=lambda: NOW)


@dataclasses.dataclass
class Order:
    id: int
    lines: list[str]


class Color(enum.Enum):
    RED = 1


class Stubborn(Exception):
    """Pickles well, and cannot be made again: its constructor wants two arguments and gives its base one."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")


# keep: what nobody asked to persist


PLAIN = [None, True, False, 0, -5, 1.5, "text", b"bytes", [], {}, [1, "a", None], {"a": {"b": [1]}}]
OTHERS = [(1, (2,)), {1, 2}, frozenset({"a"}), 2**80, -(2**63) - 1, "\ud800", {1: "a"}, {"a": (1,)}, date(2026, 1, 2)]
OTHERS += [range(3), datetime(2026, 1, 2, tzinfo=UTC), timedelta(1), Decimal("1.10"), Color.RED, Order(1, ["a"]), 1j]
OTHERS += [bytearray(b"x"), Path("/a"), [Order(1, [])]]


@pytest.mark.parametrize("value", PLAIN)
def test_small_builtin_values_are_readable_messagepack(store, value):
    payload = store.keep(value)
    assert (payload.serializer, payload.key) == ("msgpack", None)
    assert msgspec.msgpack.decode(payload.data) == value
    assert payload.type == type(value).__name__
    assert payload.size == len(payload.data)
    assert store.load(payload) == value
    assert type(store.load(payload)) is type(value)


@pytest.mark.parametrize("value", OTHERS)
def test_other_values_come_back_exactly(store, value):
    payload = store.keep(value)
    assert payload.serializer == "pickle"
    assert payload.preview
    again = store.load(payload)
    assert again == value
    assert type(again) is type(value)


def typed(value: Any) -> Any:
    """The value with the type of every part, so that 1, True and 1.0 differ."""
    if isinstance(value, dict):
        return "dict", [(typed(key), typed(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value).__name__, [typed(item) for item in value]
    if isinstance(value, frozenset):
        return "frozenset", sorted(map(repr, map(typed, value)))
    return type(value).__name__, repr(value)


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
        | st.frozensets(st.integers() | st.text(), max_size=4)
    ),
    max_leaves=15,
)


@given(value=nested)
def test_any_nesting_of_builtin_values_comes_back_exactly(value):
    store = ResultStore(home_storage=MemoryFileSystem(), inline_bytes=64)
    again = store.load(store.keep(value))
    assert typed(again) == typed(value)


def test_a_list_that_holds_itself_comes_back(store):
    value: list[Any] = [1]
    value.append(value)
    again = store.load(store.keep(value))
    assert again[1] is again


def test_deep_nesting_is_kept_or_says_why(store):
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    payload = store.keep(value)
    assert payload.serializer == "none"
    assert "was not kept" in payload.preview


def test_equal_values_share_nothing_that_could_be_changed(store):
    payload = store.keep([1])
    store.load(payload).append(2)
    assert store.load(payload) == [1]


def test_large_values_go_to_storage_under_the_hash_of_their_bytes(store, tmp_path):
    payload = store.keep("x" * 20_000)
    assert payload.data is None
    assert payload.storage is None
    assert len(payload.key) == 64
    assert (tmp_path / "storage" / payload.key).is_file()
    assert payload.preview.startswith("'xxx")
    assert len(payload.preview) <= 120
    assert store.load(payload) == "x" * 20_000


def test_the_same_large_value_is_written_once(store, tmp_path):
    first = store.keep(["x" * 20_000])
    file = tmp_path / "storage" / first.key
    os.utime(file, ns=(1, 1))
    assert store.keep(["x" * 20_000]) == first
    assert file.stat().st_mtime_ns == 1
    assert [entry.name for entry in file.parent.iterdir()] == [first.key]


def test_the_limit_for_values_in_the_journal_can_be_set():
    store = ResultStore(home_storage=MemoryFileSystem(), inline_bytes=4)
    assert store.keep("ab").data is not None
    assert store.keep("abcdefgh").key is not None


@pytest.mark.parametrize("value", ["x" * 2000, b"x" * 2000, list(range(2000)), {"a": Order(1, ["x" * 2000])}])
def test_values_above_the_automatic_limit_are_not_kept_and_say_so(value):
    store = ResultStore(home_storage=MemoryFileSystem(), inline_bytes=10, max_automatic_bytes=1000)
    payload = store.keep(value)
    assert payload.serializer == "none"
    assert "persist_result=True" in payload.preview
    with pytest.raises(MissingResult, match="persist_result=True"):
        store.load(payload)


def test_large_tables_are_measured_before_they_are_pickled():
    pandas = pytest.importorskip("pandas")
    store = ResultStore(home_storage=MemoryFileSystem(), max_automatic_bytes=1000)
    frame = pandas.DataFrame({"a": range(10_000)})
    payload = store.keep(frame)
    assert "DataFrame 10000×1" in payload.preview


@pytest.mark.parametrize("make", [threading.Lock, lambda: (item for item in [1])], ids=["lock", "generator"])
def test_what_cannot_be_pickled_is_not_kept_and_fails_nothing(store, make):
    payload = store.keep({"a": make()})
    assert payload.serializer == "none"
    with pytest.raises(MissingResult, match="was not kept"):
        store.load(payload)


def test_an_open_file_is_not_kept_as_a_copy_of_its_text(store):
    with open(os.devnull) as file:
        assert store.keep(file).serializer == "none"


def test_functions_and_local_classes_are_kept(store):
    class Local:
        def __init__(self, value: int) -> None:
            self.value = value

    assert store.load(store.keep(lambda value: value + 1))(1) == 2
    assert store.load(store.keep(Local(3))).value == 3


def test_exceptions_are_kept_with_their_notes(store):
    error = ValueError("bad", 1)
    error.add_note("row 7")
    again = store.load(store.keep(error))
    assert (type(again), again.args, again.__notes__) == (ValueError, ("bad", 1), ["row 7"])


def test_an_exception_that_cannot_be_rebuilt_is_not_kept(store):
    payload = store.keep(Stubborn(1, "x"))
    assert payload.serializer == "none"
    assert "rebuilt" in payload.preview


def test_a_storage_that_cannot_be_written_fails_no_run(tmp_path):
    class Full(LocalFileSystem):
        def write_parts(self, path: Any, parts: Any) -> str:
            raise OSError(errno.ENOSPC, "No space left on device")

    payload = ResultStore(home_storage=Full(tmp_path)).keep("x" * 20_000)
    assert payload.serializer == "none"
    assert "ENOSPC" in payload.preview


def test_classes_of_the_script_are_the_scripts_own_where_it_is_loaded(tmp_path):
    """A run of `python flow.py` is resumed by a command that loads flow.py under another name."""
    script = tmp_path / "shop.py"
    script.write_text(
        "import dataclasses, enum, sys\n"
        "from levada.filesystems import MemoryFileSystem\n"
        "from levada.results import ResultStore\n"
        "@dataclasses.dataclass\n"
        "class Order:\n"
        "    id: int\n"
        "class Color(enum.Enum):\n"
        "    RED = 1\n"
        "if __name__ == '__main__':\n"
        "    store = ResultStore(home_storage=MemoryFileSystem())\n"
        "    kept = store.keep([Order(1), Color.RED, lambda id: Order(id)])\n"
        "    again = store.load(kept)\n"
        "    assert type(again[0]) is Order and again[1] is Color.RED and type(again[2](2)) is Order\n"
        "    sys.stdout.buffer.write(kept.data)\n"
    )
    data = subprocess.run([sys.executable, script], check=True, capture_output=True).stdout
    store = ResultStore(home_storage=MemoryFileSystem())
    payload = Payload("pickle", data)

    rebuilt = store.load(payload)
    assert rebuilt[0].id == 1
    assert type(rebuilt[0]) is type(store.load(payload)[0])

    module = ModuleType("__levada_script_shop__")
    module.__file__ = str(script)
    sys.modules[module.__name__] = module
    try:
        exec(compile(script.read_text(), script, "exec"), vars(module))
        order, color, make = store.load(payload)
    finally:
        del sys.modules[module.__name__]
    assert type(order) is module.Order
    assert color is module.Color.RED
    assert type(make(3)) is module.Order


# load


def test_a_result_that_is_gone_is_missing(store, tmp_path):
    payload = store.keep("x" * 20_000)
    (tmp_path / "storage" / payload.key).unlink()
    with pytest.raises(MissingResult, match="gone"):
        store.load(payload)


def test_a_payload_without_anything_is_missing(store):
    with pytest.raises(MissingResult, match="neither its value nor where"):
        store.load(Payload("pickle"))


def test_a_class_that_moved_says_what_could_not_be_read(store):
    payload = Payload("pickle", b"cnowhere\nGone\n.")
    with pytest.raises(SerializationError, match="cannot be read back: ModuleNotFoundError"):
        store.load(payload)


def test_a_cut_file_is_never_read_as_a_result(store, tmp_path):
    payload = store.keep("x" * 20_000)
    file = tmp_path / "storage" / payload.key
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(SerializationError, match=r"cut: it has \d+ of \d+ bytes"):
        store.load(payload)


def test_a_foreign_file_under_a_key_is_no_result(store, tmp_path):
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage" / "key").write_bytes(b"hello")
    assert store.lookup("key") is None
    with pytest.raises(SerializationError, match="no result that Levada wrote"):
        store.read("key")
    store.persist("key", 1)
    assert store.read("key").result == 1


def test_another_process_with_another_store_finds_a_result_by_the_name_of_its_storage(tmp_path):
    writer = ResultStore(tmp_path / "elsewhere", home_storage=MemoryFileSystem())
    payload = writer.persist("key", "x" * 20_000)
    assert payload.storage == str(tmp_path / "elsewhere")
    reader = ResultStore(home_storage=tmp_path / "home")
    assert reader.load(payload) == "x" * 20_000


def test_a_storage_only_the_authors_code_can_make_is_named_when_it_is_missing(tmp_path):
    payload = ResultStore(MemoryFileSystem(), home_storage=tmp_path).persist("key", "x" * 20_000)
    with pytest.raises(MissingResult, match=r"object:levada.filesystems.memory.MemoryFileSystem"):
        ResultStore(home_storage=tmp_path).load(payload)


# persist and lookup


def test_a_persisted_result_is_written_with_the_serializer_that_was_asked_for(tmp_path):
    store = ResultStore(tmp_path / "r", serializer="json")
    store.persist("key", {"a": [1]})
    content = (tmp_path / "r" / "key").read_bytes()
    assert content.endswith(b'{"a": [1]}')
    assert content.startswith(b"LVR1")
    assert store.lookup("key").serializer == "json"


def test_a_value_that_the_serializer_refuses_names_the_culprit(store):
    with pytest.raises(SerializationError, match=r"result\['conn'\] \(a _thread.lock\)"):
        store.persist("key", {"rows": 1, "conn": threading.Lock()})
    assert not store.exists("key")


def test_an_expired_result_is_not_found_and_can_still_be_read():
    now = [NOW]
    store = ResultStore(home_storage=MemoryFileSystem(), now_us=lambda: now[0])
    store.write(1, key="key", expiration=datetime.fromtimestamp(NOW / 1e6, UTC) + timedelta(seconds=5))
    assert store.exists("key")
    assert store.lookup("key").expiration == NOW + 5_000_000
    now[0] += 5_000_000
    assert not store.exists("key")
    assert store.read("key").result == 1


def test_looking_up_a_large_result_does_not_read_it(tmp_path):
    class Watched(LocalFileSystem):
        sizes: list[int] = []

        def read_head(self, path: Any, size: int) -> bytes:
            self.sizes.append(size)
            return super().read_head(path, size)

        def read_path(self, path: Any) -> bytes:
            raise AssertionError("the whole file was read")

    store = ResultStore(Watched(tmp_path), home_storage=MemoryFileSystem())
    store.persist("key", "x" * 1_000_000)
    assert store.exists("key")
    assert Watched.sizes == [4096]


def test_a_small_result_is_found_and_read_at_once(store, tmp_path):
    store.persist("key", {"a": 1})
    payload = store.lookup("key")
    (tmp_path / "storage" / "key").unlink()
    assert store.load(payload) == {"a": 1}


def test_a_very_long_header_is_read_whole(store):
    key = "k" * 10_000
    store.persist(key, 1)
    assert store.load(store.lookup(key)) == 1


def test_results_without_a_key_get_one():
    keys = iter(["one", "two"])
    store = ResultStore(home_storage=MemoryFileSystem(), storage_key_fn=lambda: next(keys))
    store.write(1)
    assert store.read("one").result == 1
    assert store.persist(None, 2).key == "two"


def test_records_say_what_is_known_of_them(store):
    record = store.create_result_record([1], key="key", expiration=datetime(2030, 1, 1, tzinfo=UTC))
    assert (record.result, record.is_persisted) == ([1], False)
    store.persist_result_record(record)
    assert record.is_persisted
    again = store.read("key")
    assert again == record
    assert again.expiration == datetime(2030, 1, 1, tzinfo=UTC)
    assert again.serializer == store.serializer
    assert (again.metadata.storage_key, again.metadata.type, again.metadata.preview) == ("key", "list", "[1]")
    assert ResultRecord.deserialize(record.serialize()) == record
    with pytest.raises(MissingResult):
        _ = ResultRecord(ResultRecordMetadata()).result


async def test_async_code_writes_records_too(store):
    await store.awrite([1], key="a")
    record = store.create_result_record([2], key="b")
    await store.apersist_result_record(record)
    assert [(await store.aread(key)).result for key in "ab"] == [[1], [2]]


def test_a_result_of_an_unknown_serializer_can_be_listed_and_not_read(store):
    class Temporary(type(store.serializer)):  # type: ignore[misc]
        type: str = "temporary"

    store.model_copy(update={"serializer": Temporary()}).persist("key", "x" * 20_000)
    from levada.serializers.base import _registry  # lazy: the module that defines it is not imported in this story

    del _registry["temporary"]
    assert store.exists("key")
    with pytest.raises(SerializationError, match="temporary"):
        _ = store.read("key").result
    with pytest.raises(SerializationError, match="temporary"):
        store.load(store.lookup("key"))


def test_writing_passes_the_fault_points(store):
    passed = []
    for name in ("results.before_write", "results.after_write"):
        faults.arm(name, lambda name=name: passed.append(name))
    try:
        store.persist("key", 1)
    finally:
        faults.disarm()
    assert passed == ["results.before_write", "results.after_write"]


def test_a_kill_before_the_rename_leaves_no_half_result(store, tmp_path):
    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    faults.arm("results.before_write", die)
    try:
        with pytest.raises(Killed):
            store.persist("key", 1)
    finally:
        faults.disarm()
    assert not store.exists("key")


# Keys


@given(one=st.text(), other=st.text())
def test_two_keys_never_share_a_file_and_no_file_is_outside(one, other):
    if one != other and "\\u" not in one + other:
        assert path_of(one) != path_of(other)
    for part in path_of(one).split("/"):
        assert part not in {"", ".", ".."}
        assert not part.startswith(".")
        assert "\0" not in part
        assert len(part.encode()) <= 255


def test_slashes_in_keys_are_folders(store, tmp_path):
    store.persist("reports/2026/july", 1)
    assert (tmp_path / "storage" / "reports" / "2026" / "july").is_file()


def test_long_keys_with_the_same_beginning_stay_apart(store):
    store.persist("k" * 300 + "a", "a")
    store.persist("k" * 300 + "b", "b")
    assert store.read("k" * 300 + "a").result == "a"


# Locks


@pytest.fixture
def locking(store: ResultStore) -> ResultStore:
    return store.model_copy(update={"lock_manager": MemoryLockManager()})


def test_isolation_levels_need_locks(store, locking):
    assert store.supports_isolation_level(IsolationLevel.READ_COMMITTED)
    assert not store.supports_isolation_level(IsolationLevel.SERIALIZABLE)
    assert locking.supports_isolation_level(IsolationLevel.SERIALIZABLE)
    with pytest.raises(ValueError, match="Unsupported isolation level"):
        store.supports_isolation_level("other")


def test_locks_without_a_manager_are_a_configuration_error(store):
    with pytest.raises(ConfigurationError, match="not configured with a lock manager"):
        store.acquire_lock("key")


async def test_locks_go_to_the_manager(locking):
    assert locking.acquire_lock("r1")
    assert locking.is_locked("r1")
    assert locking.is_lock_holder("r1")
    assert not locking.acquire_lock("r1", holder="other", timeout=0)
    assert not await locking.aacquire_lock("r1", holder="other", timeout=0)
    assert not locking.wait_for_lock("r1", timeout=0)
    assert not await locking.await_for_lock("r1", timeout=0)
    locking.release_lock("r1")
    with pytest.raises(ValueError, match="No lock held by"):
        locking.release_lock("r1")


def test_nobody_writes_what_somebody_else_has_locked(locking):
    locking.acquire_lock("r2", holder="me")
    with pytest.raises(RuntimeError, match="locked by another holder"):
        locking.write(1, key="r2", holder="you")
    locking.write(1, key="r2", holder="me")
    assert locking.read("r2", holder="me").result == 1
    locking.release_lock("r2", holder="me")


async def test_reading_waits_for_the_lock(locking):
    locking.write(1, key="r3")
    locking.acquire_lock("r3", holder="me")
    read, started = [], threading.Event()

    def reader() -> None:
        started.set()
        read.append(locking.read("r3", holder="you").result)

    thread = threading.Thread(target=reader)
    thread.start()
    started.wait()
    locking.write(2, key="r3", holder="me")
    locking.release_lock("r3", holder="me")
    thread.join()
    assert read == [2]
    assert (await locking.aread("r3")).result == 2


# Configuration


def test_storages_are_found_from_paths_urls_and_objects(tmp_path):
    assert resolve_result_storage(str(tmp_path)) == LocalFileSystem(tmp_path)
    assert resolve_result_storage(tmp_path) == LocalFileSystem(tmp_path)
    assert isinstance(resolve_result_storage("s3://bucket/x"), RemoteFileSystem)
    memory = MemoryFileSystem()
    assert resolve_result_storage(memory) is memory
    with pytest.raises(ConfigurationError, match="must be a path"):
        resolve_result_storage(5)


def test_flows_and_tasks_bring_their_own_options(store, tmp_path):
    plain = SimpleNamespace(result_storage=None, result_serializer=None, cache_result_in_memory=True)
    assert store.update_for_flow(plain) is store
    flow = SimpleNamespace(result_storage=tmp_path / "flow", result_serializer="json", cache_result_in_memory=False)
    changed = store.update_for_flow(flow)
    assert changed.storage == LocalFileSystem(tmp_path / "flow")
    assert changed.serializer.type == "json"
    assert changed.cache_result_in_memory is False
    assert changed.home_storage is store.home_storage
    policy = SimpleNamespace(key_storage=tmp_path / "keys", lock_manager=MemoryLockManager())
    task = SimpleNamespace(result_storage=None, result_serializer=None, cache_policy=policy)
    both = changed.update_for_task(task)
    assert both.storage == LocalFileSystem(tmp_path / "flow")
    assert both.metadata_storage == LocalFileSystem(tmp_path / "keys")
    assert both.lock_manager is policy.lock_manager


def test_the_store_of_the_run_is_asked_for_first(store, levada_home):
    assert get_result_store().storage == LocalFileSystem(levada_home / "storage")
    assert get_default_result_storage() == LocalFileSystem(levada_home / "storage")
    from levada.results import current  # lazy: the session of this process may have set its own source

    before = current._source, current._persisting
    set_source(lambda: store)
    set_persisting(lambda: True)
    try:
        assert get_result_store() is store
        assert should_persist_result()
    finally:
        set_source(before[0])
        set_persisting(before[1])


def test_the_default_serializer_is_pickle_unless_the_environment_says_otherwise(monkeypatch):
    assert get_default_result_serializer().type == "pickle"
    monkeypatch.setenv("LEVADA_RESULTS_DEFAULT_SERIALIZER", "json")
    assert get_default_result_serializer().type == "json"


def test_an_unknown_serializer_is_refused_at_construction():
    with pytest.raises(ValueError, match="No serializer found with type 'nope'"):
        ResultStore(serializer="nope", home_storage=MemoryFileSystem())


def test_a_run_is_never_given_the_result_that_a_later_run_wrote_under_the_same_key(store):
    first = store.persist("latest", "a" * 20_000)
    second = store.persist("latest", "b" * 20_000)
    with pytest.raises(MissingResult, match="'latest' was replaced by a later one"):
        store.load(first)
    assert store.load(second) == store.load(store.lookup("latest")) == "b" * 20_000
