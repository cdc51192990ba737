"""`levada run`: which flow, with which parameters, and what the exit code says."""

from __future__ import annotations

import json
import signal

import pytest

from levada.testing.waiting import eventually


def test_a_flow_is_run_and_recorded(levada):
    run = levada.run("--name", "first {run}", "--tag", "nightly", "--tag", "eu")
    assert (run["flow_name"], run["name"], run["state_name"]) == ("pipeline", "first {run}", "Completed")
    assert sorted(run["tags"]) == ["eu", "nightly"]
    assert levada.calls == ["extract 1", "load 1", "extract 2", "load 2"]


def test_the_flow_may_be_left_out_when_the_file_holds_one(levada):
    levada("run", "pipeline.py")
    assert len(levada.calls) == 4


def test_values_are_json_unless_the_parameter_is_text(levada):
    run = levada.run("-p", "name=007", "-p", "numbers=[5]")
    assert levada.calls == ["extract 5", "load 5"]
    assert run["parameters"] == {"name": "'007'", "numbers": "[5]"}


@pytest.mark.parametrize("from_file", [False, True])
def test_parameters_come_as_an_object_too(levada, from_file):
    text = json.dumps({"name": "you", "numbers": [7, 8]})
    (levada.folder / "parameters.json").write_text(text)
    run = levada.run("--params", "@parameters.json" if from_file else text, "-p", "numbers=[9]")
    assert run["parameters"] == {"name": "'you'", "numbers": "[9]"}


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("-p", "numbers"), "is no NAME=VALUE"),
        (("--params", "[1]"), "must be a JSON object"),
        (("--params", "{"), "is not JSON"),
        (("--params", "@missing.json"), "cannot be read"),
    ],
)
def test_parameters_that_are_written_wrongly_are_a_usage_error(levada, args, told):
    assert told in levada("run", "pipeline.py", *args, code=2).stderr
    assert levada.calls == []


def test_parameters_that_do_not_fit_are_told_in_one_line(levada):
    unknown = levada("run", "pipeline.py", "-p", "nmae=x", code=1)
    assert "nmae" in unknown.stderr
    assert "Traceback" not in unknown.stderr
    wrong = levada("run", "pipeline.py", "-p", "numbers=many", code=1)
    assert "numbers" in wrong.stderr


def test_a_flow_that_fails_ends_with_code_1_and_its_traceback(levada, broken):
    broken(True)
    failed = levada("run", "pipeline.py", code=1)
    assert "ValueError: the target is broken" in failed.stderr
    assert failed.stderr.splitlines()[-1].startswith("levada: the flow run ended Failed(")


def test_the_traceback_is_shown_also_when_logs_are_not(levada, broken):
    broken(True)
    failed = levada("run", "pipeline.py", code=1, LEVADA_LOGGING_TO_CONSOLE="false")
    assert 'raise ValueError("the target is broken")' in failed.stderr
    assert "levada/engine" not in failed.stderr


def test_a_file_that_raises_shows_the_authors_traceback_only(levada):
    (levada.folder / "wrong.py").write_text("def inner():\n    return 1 / 0\n\ninner()\n")
    failed = levada("run", "wrong.py", code=1)
    assert "ZeroDivisionError" in failed.stderr
    assert "return 1 / 0" in failed.stderr
    assert "importlib" not in failed.stderr
    assert "levada/loading" not in failed.stderr


@pytest.mark.parametrize(
    ("content", "entrypoint", "told"),
    [
        ("x = 1\n", "some.py", "No flow stands in"),
        ("from levada import flow\n@flow\ndef a(): ...\n@flow\ndef b(): ...\n", "some.py", "several flows"),
        ("x = 1\n", "some.py:missing", "names no flow"),
        ("", "absent.py:f", "There is no file"),
    ],
)
def test_a_flow_that_is_not_there_is_told_in_one_line(levada, content, entrypoint, told):
    (levada.folder / "some.py").write_text(content)
    failed = levada("run", entrypoint, code=1)
    assert told in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(
    "body",
    [
        "@flow\nasync def f(n: int = 1):\n    Path('ran').write_text(str(n))\n",
        "@flow\ndef f(n: int = 1):\n    yield 1\n    Path('ran').write_text(str(n))\n",
        "@flow\nasync def f(n: int = 1):\n    yield 1\n    Path('ran').write_text(str(n))\n",
    ],
    ids=["async", "generator", "async generator"],
)
def test_flows_of_every_colour_run_to_their_end(levada, body):
    (levada.folder / "colour.py").write_text(f"from pathlib import Path\nfrom levada import flow\n{body}")
    levada("run", "colour.py:f", "-p", "n=3")
    assert (levada.folder / "ran").read_text() == "3"
    assert levada.json("flow-run", "ls")[0]["state_name"] == "Completed"


def test_ctrl_c_cancels_the_run_and_ends_with_130(levada):
    (levada.folder / "slow.py").write_text(
        "import time\nfrom pathlib import Path\nfrom levada import flow\n"
        "@flow\ndef slow():\n    Path('started').touch()\n    while True:\n        time.sleep(0.01)\n"
    )
    with levada.start("run", "slow.py") as process:
        eventually((levada.folder / "started").exists)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert levada.json("flow-run", "ls")[0]["state_name"] == "Cancelled"
