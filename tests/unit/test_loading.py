"""Loading flows from where they are written."""

from __future__ import annotations

import pytest

from levada.core.errors import MissingFlowError, ScriptError, UnspecifiedFlowError
from levada.flows import load_flow_from_entrypoint
from levada.testing import Harness

ONE = "from levada import flow\n@flow\ndef only(x=1):\n    return x\n"
TWO = ONE + "@flow\ndef other():\n    return 2\ndef plain():\n    print('printed')\n    return 3\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a file and gives its path as text."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def written(text, name="pipeline.py"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return str(file)

    return written


def test_the_only_flow_of_a_file_needs_no_name(write, test_home: Harness):
    found = load_flow_from_entrypoint(write(ONE))
    assert found.name == "only"
    assert found(5) == 5


def test_one_of_several_is_named(write):
    file = write(TWO)
    assert load_flow_from_entrypoint(f"{file}:other").name == "other"
    with pytest.raises(UnspecifiedFlowError, match=r"holds several flows; say which: .*\(only, other\)"):
        load_flow_from_entrypoint(file)


def test_a_plain_function_becomes_a_flow(write, test_home: Harness):
    found = load_flow_from_entrypoint(f"{write(TWO)}:plain")
    assert found.log_prints
    assert found() == 3


def test_a_method_is_named_with_its_class(write, test_home: Harness):
    file = write(
        "from levada import flow\nclass A:\n    @flow\n    @staticmethod\n    def run():\n        return 'ran'\n"
    )
    assert load_flow_from_entrypoint(f"{file}:A.run")() == "ran"


def test_a_module_is_named_with_dots(write, test_home: Harness):
    write("", "some_package/__init__.py")
    write(TWO, "some_package/flows_of_package.py")
    assert load_flow_from_entrypoint("some_package.flows_of_package:other")() == 2
    assert load_flow_from_entrypoint("some_package.flows_of_package.other")() == 2


def test_a_file_may_import_its_neighbours(write, test_home: Harness):
    write("VALUE = 7\n", "neighbour_of_pipeline.py")
    file = write("from levada import flow\nimport neighbour_of_pipeline\n@flow\ndef f():\n    return "
                 "neighbour_of_pipeline.VALUE\n")  # fmt: skip
    assert load_flow_from_entrypoint(file)() == 7


def test_flows_that_a_file_only_imports_do_not_count(write):
    write(ONE, "library_of_flows.py")
    file = write("from levada import flow\nfrom library_of_flows import only\n@flow\ndef mine():\n    pass\n")
    assert load_flow_from_entrypoint(file).name == "mine"


@pytest.mark.parametrize(
    ("text", "suffix", "error", "message"),
    [
        ("x = 1\n", "", MissingFlowError, "No flow stands in"),
        (ONE, ":nothing", MissingFlowError, "names no flow"),
        ("x = 1\n", ":x", MissingFlowError, "names no flow"),
        ("1 / 0\n", "", ScriptError, "division by zero"),
        ("def broken(:\n", "", ScriptError, "invalid syntax"),
        ("import not_there_at_all\n", ":f", ScriptError, "docs/how-to/environments.md"),
    ],
)
def test_what_is_wrong_is_told(text, suffix, error, message, write):
    with pytest.raises(error, match=message):
        load_flow_from_entrypoint(write(text) + suffix)


@pytest.mark.parametrize("place", ["nothing.py", "nothing.py:f", "no_such_module.flows:f", "no_such_module:f"])
def test_what_is_not_there_is_told(place, write):
    write("")
    with pytest.raises(MissingFlowError, match="There is no"):
        load_flow_from_entrypoint(place)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(MissingFlowError, match="is a folder"):
        load_flow_from_entrypoint(f"{tmp_path}/:f")


def test_a_loaded_flow_knows_where_it_came_from(write):
    file = write(ONE)
    assert load_flow_from_entrypoint(file).entrypoint == f"{file}:only"
