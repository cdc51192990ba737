import os
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import DEFAULT, FLOW_PARAMETERS, INPUTS, NO_CACHE, RUN_ID, TASK_SOURCE, CachePolicy
from prefect.context import TaskRunContext
from prefect.filesystems import LocalFileSystem
from prefect.locking.filesystem import FileSystemLockManager
from prefect.locking.memory import MemoryLockManager
from prefect.results import ResultStore, get_result_store
from prefect.serializers import CompressedSerializer, JSONSerializer, PickleSerializer
from prefect.transactions import CommitMode, IsolationLevel, get_transaction, transaction

CALLS = []
EVENTS = []


@task(cache_policy=INPUTS)
def by_inputs(x):
    CALLS.append("inputs")
    return x


@task(cache_policy=TASK_SOURCE + RUN_ID)
def composed(x):
    CALLS.append("composed")
    return x


@task(cache_policy=INPUTS - "debug")
def without(x, debug=False):
    CALLS.append("without")
    return x


@task(cache_policy=NO_CACHE)
def never(x):
    CALLS.append("never")
    return x


def static_key(context, parameters):
    assert isinstance(context, TaskRunContext)
    return "static"


@task(cache_key_fn=static_key)
def keyed(x):
    CALLS.append("keyed")
    return x


class ByName(CachePolicy):
    def compute_key(self, task_ctx, inputs, flow_parameters, **kwargs):
        return inputs["name"]


@task(cache_policy=ByName())
def custom(name, other):
    CALLS.append("custom")
    return other


@task(cache_policy=INPUTS.configure(isolation_level=IsolationLevel.SERIALIZABLE, lock_manager=MemoryLockManager()))
def isolated(x):
    CALLS.append("isolated")
    return x


@task(result_storage_key="{flow_run.flow_name}-{parameters[x]}.json", result_serializer="json", persist_result=True)
def stored(x):
    CALLS.append("stored")
    return {"x": x}


@task(persist_result=True, refresh_cache=True, cache_policy=INPUTS)
def refreshed(x):
    CALLS.append("refreshed")
    return x


@flow(persist_result=True, result_serializer=JSONSerializer())
def caching(x=1):
    for definition in (by_inputs, composed, never, keyed, isolated, stored, refreshed):
        assert definition(x) == definition(x)
    without(1, debug=True)
    without(1, debug=False)
    assert custom("a", 1) == custom("a", 2) == 1
    state = by_inputs(x, return_state=True)
    assert state.name == "Cached"
    return {"n": CALLS.count("inputs")}


@task
def write(name):
    EVENTS.append(f"write {name}")
    return name


@write.on_rollback
def undo(txn):
    EVENTS.append(f"undo {txn.get('who', default='nobody')}")


@write.on_commit
def confirm(txn):
    EVENTS.append("commit")


@flow
def pipeline(fails):
    with transaction() as txn:
        txn.set("who", "me")
        write("a")
        assert get_transaction() is txn
        if fails:
            raise ValueError("no")
    return txn.is_committed()


def store():
    folder = Path(os.environ["LEVADA_HOME"]) / "store"
    kept = ResultStore(result_storage=LocalFileSystem(basepath=str(folder)), serializer=PickleSerializer())
    with transaction(key="k", store=kept, commit_mode=CommitMode.EAGER) as txn:
        assert not txn.is_committed()
        txn.stage({"v": 1})
    with transaction(key="k", store=kept) as txn:
        assert txn.is_committed()
        assert txn.read().result == {"v": 1}
    assert kept.exists("k")
    locks = FileSystemLockManager(lock_files_directory=folder / "locks")
    assert locks.acquire_lock("x", holder="h", acquire_timeout=1)
    assert locks.is_lock_holder("x", holder="h")
    locks.release_lock("x", holder="h")
    for serializer in (JSONSerializer(), PickleSerializer(), CompressedSerializer(serializer="json")):
        assert serializer.loads(serializer.dumps({"a": 1})) == {"a": 1}
    assert get_result_store() is not None


if __name__ == "__main__":
    assert caching() == {"n": 1}
    counts = {name: CALLS.count(name) for name in set(CALLS)}
    assert counts == {
        "inputs": 1, "composed": 1, "without": 1, "never": 2, "keyed": 1, "custom": 1, "isolated": 1, "stored": 1,
        "refreshed": 2,
    }, counts  # fmt: skip
    assert DEFAULT == INPUTS + TASK_SOURCE + RUN_ID
    assert FLOW_PARAMETERS.compute_key(None, {}, {"a": 1})
    assert pipeline(False) is True
    assert EVENTS == ["write a", "commit"]
    EVENTS.clear()
    assert pipeline(True, return_state=True).is_failed()
    assert EVENTS == ["write a", "undo me"]
    store()
    print("done")
