import logging
import os

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import FlowRun, State, StateType, TaskRun
from prefect.context import FlowRunContext, TaskRunContext, get_run_context, tags
from prefect.exceptions import MissingContextError, PrefectException
from prefect.logging import disable_run_logger, get_logger
from prefect.runtime import deployment, flow_run, task_run
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.testing.utilities import prefect_test_harness
from prefect.utilities.annotations import quote, unmapped

SEEN = []


def notify(flow, flow_run, state):
    SEEN.append((flow.name, type(flow_run).__name__, state.type.value))


def task_hook(task, task_run, state):
    SEEN.append((task.name, type(task_run).__name__, state.type.value))


@task(on_completion=[task_hook], task_run_name=lambda: "made-" + flow_run.flow_name)
def where():
    logger = get_run_logger()
    logger.info("hello", extra={"rows": 5})
    context = get_run_context()
    assert isinstance(context, TaskRunContext)
    assert FlowRunContext.get().flow.name == "main-flow"
    assert TaskRunContext.get() is context
    assert context.task_run.name == task_run.name
    return task_run.name, task_run.id, flow_run.name, flow_run.id


@task
def bad():
    raise RuntimeError("x")


@bad.on_failure
def failed(task, run, state):
    SEEN.append("bad failed")


@flow(on_completion=[notify], on_failure=[notify], on_running=[notify], log_prints=True)
def main_flow(x: int = 1):
    print("printed")
    assert flow_run.parameters == {"x": 1}
    assert deployment.id is None
    assert isinstance(get_run_context(), FlowRunContext)
    bad(return_state=True)
    with tags("a"):
        return where()


@flow
def with_logger():
    get_run_logger().warning("in flow")


if __name__ == "__main__":
    name, identifier, run_name, run_id = main_flow()
    assert name == "made-main-flow"
    assert len(identifier) == len(run_id) == 36
    assert SEEN == [
        ("main-flow", "FlowRun", "RUNNING"),
        "bad failed",
        ("where", "TaskRun", "COMPLETED"),
        ("main-flow", "FlowRun", "COMPLETED"),
    ], SEEN
    assert issubclass(MissingContextError, PrefectException)
    try:
        get_run_logger()
    except MissingContextError:
        SEEN.append("no run")
    assert SEEN.pop() == "no run"
    assert flow_run.id is None
    assert StateType.COMPLETED == "COMPLETED"
    assert State(type=StateType.COMPLETED).is_completed()
    assert FlowRun
    assert TaskRun
    with disable_run_logger():
        assert where.fn.__name__ == "where"
        with_logger.fn()
    with prefect_test_harness():
        assert with_logger() is None
    get_logger("mine").info("x")
    os.environ["PREFECT__RUNTIME__FLOW_RUN__NAME"] = "mocked"
    assert flow_run.name == "mocked"
    assert quote(1).unwrap() == unmapped(1).unwrap() == 1
    with temporary_settings({PREFECT_API_URL: None}):
        pass
    logging.getLogger("x").info("done")
    print("done")
