"""Log lines of runs: where they come from, and that none is lost."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading

import pytest

from levada import flow, get_run_logger, task
from levada.context import get_run_context, with_context
from levada.control import ControlPlane
from levada.core.errors import MissingContextError
from levada.logging import disable_run_logger, get_logger
from levada.task_runners import ProcessPoolTaskRunner
from levada.testing import Harness, harness
from levada.wire.filters import LogQuery


def messages(home, **query):
    return [line.message for line in home.logs(limit=5000, **query)]


@task
def talks(text="from the task"):
    get_run_logger().info(text)


@task(log_prints=True)
def prints(text="printed"):
    print(text)
    get_run_logger().warning("%s again", text)
    logging.getLogger("levada.own").info("plain logging")


def test_lines_belong_to_the_run_they_were_written_in(test_home: Harness):
    @flow
    def run():
        get_run_logger().info("from the %s", "flow")
        talks()

    run()
    lines = {line.message: line for line in test_home.logs()}
    flow_run, task_run = test_home.flow_runs()[0], test_home.task_runs()[0]
    line = lines["from the flow"]
    assert (line.flow_run_id, line.task_run_id, line.level) == (flow_run.id, None, 20)
    line = lines["from the task"]
    assert (line.flow_run_id, line.task_run_id, line.attempt) == (flow_run.id, task_run.id, 1)
    assert line.logger == "levada.task_runs"


def test_a_logger_needs_a_run(test_home: Harness):
    with pytest.raises(MissingContextError, match="There is no active flow or task run context."):
        get_run_logger()


def test_a_logger_of_a_given_context(test_home: Harness):
    @flow
    def run():
        context = get_run_context()
        found = []
        thread = threading.Thread(target=lambda: found.append(get_run_logger(context).info("from a thread")))
        thread.start()
        thread.join()
        return found

    assert run() == [None]
    assert "from a thread" in messages(test_home)
    with pytest.raises(TypeError, match="unexpected type"):
        get_run_logger("text")


def test_the_logger_knows_ids_and_names_of_its_run(test_home: Harness):
    @task
    def work():
        return get_run_logger(more=1).extra

    @flow
    def run():
        return get_run_logger().extra, work()

    of_flow, of_task = run()
    found = test_home.flow_runs()[0]
    assert of_flow["flow_run_id"] == of_task["flow_run_id"] == str(found.id)
    assert (of_flow["flow_run_name"], of_flow["flow_name"]) == (found.name, "run")
    assert (of_task["task_run_name"], of_task["task_name"], of_task["more"]) == ("work-0", "work", 1)


def test_extra_fields_are_kept_as_data(test_home: Harness):
    """Quirk 44."""

    @flow
    def run():
        get_run_logger().info("loaded", extra={"rows": 5, "tables": ["a"], "odd": object})
        get_run_logger(source="s3").info("bound")
        get_run_logger().getChild("sub").info("child", extra={"n": 1})

    run()
    lines = {line.message: line for line in test_home.logs()}
    assert lines["loaded"].fields["rows"] == 5
    assert lines["loaded"].fields["tables"] == ["a"]
    assert isinstance(lines["loaded"].fields["odd"], str)
    assert lines["bound"].fields == {"source": "s3"}
    assert lines["child"].fields == {"n": 1}
    assert lines["child"].logger.endswith(".sub")


def test_prints_become_lines_when_asked_for(test_home: Harness, capsys):
    @flow(log_prints=True)
    def run():
        print("one", 2, sep="-")
        print("to a file", file=sys.stderr)
        inherits()

    @task
    def inherits():
        print("inherited")

    @task(log_prints=False)
    def silent():
        print("not a line")

    run()
    flow(log_prints=True)(lambda: silent())()
    found = messages(test_home)
    assert "one-2" in found
    assert "inherited" in found
    assert "not a line" not in found
    assert "not a line" in capsys.readouterr().out
    print("after the run")
    assert "after the run" in capsys.readouterr().out


def test_prints_of_a_task_in_a_quiet_flow(test_home: Harness):
    flow(lambda: prints("inside"))()
    assert {"inside", "inside again"} <= set(messages(test_home))


def test_tasks_outside_flows_keep_their_lines(test_home: Harness):
    """Quirk 44: the rival drops them."""
    talks("alone")
    run = test_home.task_runs()[0]
    assert [line.task_run_id for line in test_home.logs() if line.message == "alone"] == [run.id]


@pytest.fixture
def foreign():
    """A third-party library's logger."""
    logger = logging.getLogger("thirdparty")
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)


def test_loggers_that_the_author_names_are_captured(foreign):
    with harness(settings={"logging.extra_loggers": ["thirdparty"]}) as home:
        flow(lambda: foreign.getChild("deep").info("captured"))()
        foreign.info("outside a run")
        found = [line.logger for line in home.logs() if line.message == "captured"]
        assert found == ["thirdparty.deep"]
        assert "outside a run" not in messages(home)


def test_other_loggers_are_left_alone(test_home: Harness, foreign):
    flow(lambda: foreign.info("not captured"))()
    assert "not captured" not in messages(test_home)


def test_levels_hold():
    with harness(settings={"logging.level": "WARNING"}) as home:

        @flow
        def run():
            get_run_logger().info("too quiet")
            get_run_logger().warning("loud")

        run()
        assert "too quiet" not in messages(home)
        assert "loud" in messages(home)


def test_lines_of_threads_belong_to_the_run(test_home: Harness):
    @flow
    def run():
        threads = [
            threading.Thread(target=with_context(lambda n=n: get_run_logger().info("thread %d", n))) for n in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        talks.map([f"mapped {n}" for n in range(5)]).wait()

    run()
    found = messages(test_home, flow_run_ids=[test_home.flow_runs()[0].id])
    assert {f"thread {n}" for n in range(5)} | {f"mapped {n}" for n in range(5)} <= set(found)


def test_lines_of_process_pool_children_belong_to_the_run(test_home: Harness):
    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def run():
        talks.submit("from the child").result()
        prints.submit("printed in the child").result()

    run()
    lines = {line.message: line for line in test_home.logs()}
    assert lines["from the child"].flow_run_id == test_home.flow_runs()[0].id
    assert lines["from the child"].task_run_id is not None
    assert "printed in the child" in lines


def test_no_line_is_lost_when_the_process_ends_at_once(levada_home):
    program = (
        "import os\nfrom levada import flow, get_run_logger\n"
        "@flow\ndef run():\n"
        "    for n in range(500): get_run_logger().info('line %d', n)\n"
        "    os._exit(3)\n"
        "run()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 3
    with ControlPlane(levada_home) as plane:
        plane.drain()
        found = [line.message for line in plane.read_logs(LogQuery(limit=1000)).items]
    assert [text for text in found if text.startswith("line ")] == [f"line {n}" for n in range(500)]


def test_lines_can_be_kept_out_of_the_record(test_home: Harness):
    flow(lambda: get_run_logger().info("private", extra={"send_to_api": False}))()
    assert "private" not in messages(test_home)


def test_exceptions_are_recorded_with_their_traceback(test_home: Harness):
    @flow
    def run():
        try:
            1 / 0
        except ZeroDivisionError:
            get_run_logger().exception("it broke")

    run()
    line = next(line for line in test_home.logs() if line.message.startswith("it broke"))
    assert "ZeroDivisionError: division by zero" in line.message
    assert line.level == 40


def test_the_run_logger_can_be_switched_off(test_home: Harness):
    with disable_run_logger():
        get_run_logger().info("nowhere")
        assert talks.fn() is None
    with pytest.raises(MissingContextError):
        get_run_logger()


def test_loggers_by_name_stand_below_ours():
    assert get_logger("mine").name == "levada.mine"
    assert get_logger().name == "levada"


async def test_lines_of_async_runs_that_interleave_stay_apart(test_home: Harness):
    @task
    async def later(n):
        await asyncio.sleep(0)
        get_run_logger().info("n=%d", n)

    @flow
    async def run():
        await asyncio.gather(*[later(n) for n in range(10)])

    await run()
    runs = {found.id: found for found in test_home.task_runs()}
    for line in test_home.logs():
        if line.message.startswith("n="):
            assert runs[line.task_run_id].parameters["n"] == line.message[2:]


def test_a_broken_format_does_not_end_the_run(test_home: Harness):
    assert flow(lambda: get_run_logger().info("%d", "no number") or 1)() == 1
