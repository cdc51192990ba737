"""Steps, on real repositories, files and programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest

from levada.core.errors import ConfigurationError
from levada.steps import (
    StepExecutionError,
    expand,
    git_clone,
    pip_install_requirements,
    pull_from_remote_storage,
    run_pull_steps,
    run_shell_script,
    run_step,
    run_steps,
    set_working_directory,
)
from levada.steps.running import function_of
from levada.variables import Variable


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=An Author", "-c", "user.email=author@example.com", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of the test."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits, a branch and a folder that few need."""
    place = tmp_path / "flows"
    (place / "large").mkdir(parents=True)
    (place / "large" / "data.txt").write_text("much")
    (place / "flow.py").write_text("FIRST = 1")
    git(place, "init", "-q")
    git(place, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(place, "config", "uploadpack.allowFilter", "true")
    git(place, "add", ".")
    git(place, "commit", "-qm", "first")
    git(place, "branch", "stable")
    (place / "flow.py").write_text("SECOND = 2")
    git(place, "commit", "-qam", "second")
    return place


def test_a_clone_has_the_newest_commit_and_no_history(repository: Path, here: Path) -> None:
    found = git_clone(repository.as_uri())

    assert found == {"directory": str(here / "flows"), "commit": git(repository, "rev-parse", "HEAD")}
    assert (here / "flows" / "flow.py").read_text() == "SECOND = 2"
    assert git(here / "flows", "rev-list", "--count", "HEAD") == "1"


def test_a_branch_a_commit_and_a_few_folders_can_be_asked_for(repository: Path, here: Path) -> None:
    first = git(repository, "rev-parse", "stable")

    assert git_clone(repository.as_uri(), branch="stable")["directory"] == str(here / "flows-stable")
    assert git_clone(repository.as_uri(), commit_sha=first, clone_directory_name="old")["commit"] == first
    git_clone(repository.as_uri(), directories=["none"], clone_directory_name="lean")
    assert not (here / "lean" / "large").exists()
    assert (here / "lean" / "flow.py").exists()


def test_a_clone_of_our_own_is_brought_up_to_date(repository: Path, tmp_path: Path) -> None:
    into = tmp_path / "cache" / "flows"
    git_clone(repository.as_uri(), into=into)
    (into / "flow.py").write_text("somebody's edit")
    (repository / "flow.py").write_text("THIRD = 3")
    git(repository, "commit", "-qam", "third")
    git(repository, "commit", "--amend", "-qm", "third, pushed by force")

    git_clone(repository.as_uri(), into=into)
    assert (into / "flow.py").read_text() == "THIRD = 3"


def test_a_folder_that_is_there_is_left_alone(repository: Path, here: Path) -> None:
    (here / "flows").mkdir()
    (here / "flows" / "work.txt").write_text("mine")
    with pytest.raises(StepExecutionError, match="is there already"):
        git_clone(repository.as_uri())
    assert (here / "flows" / "work.txt").read_text() == "mine"


def test_tokens_are_in_no_message_and_in_no_configuration(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("levada.steps.git._PAUSE_SECONDS", 0.0)
    url = "http://someone:s3cret-t0ken@127.0.0.1:9/team/flows.git"
    with pytest.raises(StepExecutionError) as failed:
        git_clone(url)
    with pytest.raises(StepExecutionError) as failed_with_token:
        git_clone("http://127.0.0.1:9/team/flows.git", access_token="s3cret-t0ken")

    for error in (failed, failed_with_token):
        assert "127.0.0.1:9/team/flows.git" in str(error.value)
        assert "s3cret-t0ken" not in str(error.value)
    assert os.listdir(here) == []


def test_a_folder_is_copied_from_what_fsspec_reaches(here: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/bucket/flows/nested/flow.py", b"MEMORY = 1")

    found = pull_from_remote_storage("memory://bucket/flows")
    assert (Path(found["directory"]) / "nested" / "flow.py").read_text() == "MEMORY = 1"


def test_a_folder_of_this_machine_is_copied(here: Path, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "flow.py").write_text("LOCAL = 1")
    found = pull_from_remote_storage((tmp_path / "source").as_uri())
    assert (Path(found["directory"]) / "flow.py").read_text() == "LOCAL = 1"


def test_a_script_is_run_line_by_line(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = run_shell_script("echo one\n# a comment\necho 'two words'", stream_output=True)
    assert found == {"stdout": "one\ntwo words", "stderr": ""}
    assert capfd.readouterr().out == "one\ntwo words\n"


def test_a_script_knows_variables_and_a_shell_when_asked(here: Path) -> None:
    assert run_shell_script("echo $WORD", env={"WORD": "hi"})["stdout"] == "$WORD"
    assert run_shell_script("echo $WORD", env={"WORD": "hi"}, expand_env_vars=True)["stdout"] == "hi"
    assert run_shell_script("echo $WORD | tr h H", env={"WORD": "hi"}, shell=True)["stdout"] == "Hi"


def test_the_first_line_that_fails_ends_a_script(here: Path) -> None:
    with pytest.raises(StepExecutionError, match="exit code 3"):
        run_shell_script(f"{sys.executable} -c 'raise SystemExit(3)'\ntouch after")
    assert not (here / "after").exists()
    with pytest.raises(StepExecutionError, match="cannot be started"):
        run_shell_script("there-is-no-such-program")


def test_requirements_that_are_not_there_are_named(here: Path) -> None:
    with pytest.raises(StepExecutionError, match=r"requirements\.txt"):
        pip_install_requirements()


@pytest.mark.parametrize(
    "name",
    [
        "levada.steps.git_clone",
        "prefect.deployments.steps.git_clone",
        "prefect.deployments.steps.pull.git_clone",
        "prefect.projects.steps.git_clone",
        "git_clone",
    ],
)
def test_a_step_has_these_names(name: str) -> None:
    assert function_of(name) is git_clone


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("levada.steps.git_clown", "git_clone"),
        ("prefect_docker.deployments.steps.build_docker_image", "container pools"),
        ("prefect.deployments.steps.pull_with_block", "blocks"),
        ("there.is.no.such", "cannot be imported"),
        ("os.path.nothing", "no function 'nothing'"),
    ],
)
def test_what_is_no_step_says_what_there_is(name: str, says: str) -> None:
    with pytest.raises(StepExecutionError, match=says):
        run_step({name: {}})


def test_steps_of_the_authors_may_be_async(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "our_steps.py").write_text("async def stamp(text):\n    return {'stamp': text.upper()}\n")
    monkeypatch.syspath_prepend(str(here))
    assert run_steps([{"our_steps.stamp": {"id": "mark", "text": "v1"}}])["mark"] == {"stamp": "V1"}


def test_a_step_hands_what_it_found_to_those_after_it(here: Path) -> None:
    found = run_steps(
        [
            {"run_shell_script": {"id": "version", "script": "echo 1.2", "stream_output": False}},
            {"run_shell_script": {"id": "tag", "script": "echo app:{{ version.stdout }}", "stream_output": False}},
        ]
    )
    assert found["tag"]["stdout"] == "app:1.2"
    with pytest.raises(StepExecutionError, match="no 'colour' in it"):
        run_step({"run_shell_script": {"script": "echo {{ version.colour }}"}}, {"version": {"stdout": ""}})


def test_arguments_that_do_not_fit_name_the_step(here: Path) -> None:
    with pytest.raises(StepExecutionError, match=r"levada\.steps\.git_clone: .*'branches'"):
        run_step({"levada.steps.git_clone": {"repository": "x", "branches": "y"}})


@pytest.mark.parametrize("step", [{}, {"a": {}, "b": {}}, "git_clone", {"git_clone": ["x"]}])
def test_what_is_not_written_as_a_step(step: Any) -> None:
    with pytest.raises(StepExecutionError):
        run_step(step)


def test_a_package_that_a_step_requires_is_not_installed_behind_anybodys_back() -> None:
    with pytest.raises(StepExecutionError, match="pip install 'no-such-cloud>=1'"):
        run_step({"no_such_cloud.steps.push": {"requires": "no-such-cloud>=1"}})


def test_pull_steps_end_where_they_led(repository: Path, here: Path) -> None:
    (repository / "sub").mkdir()
    (repository / "sub" / "job.py").write_text("")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "sub")
    place = run_pull_steps(
        [
            {"prefect.deployments.steps.git_clone": {"id": "code", "repository": repository.as_uri()}},
            {"levada.steps.set_working_directory": {"directory": "{{ code.directory }}/sub"}},
        ]
    )
    assert place == str(here / "flows" / "sub") == os.getcwd()
    assert run_pull_steps([]) is None


def test_a_folder_that_is_not_there_is_named(here: Path) -> None:
    with pytest.raises(StepExecutionError, match="no folder 'gone'"):
        set_working_directory("gone")


def test_variables_and_environment_are_put_in_place_with_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "prod")
    Variable.set("limits", {"rows": 5, "names": ["a", "b"]})

    assert expand(
        {"a": ["{{ levada.variables.limits.rows }}", "{{$STAGE}}-{{ prefect.variables.limits.names.1 }}"]}
    ) == {"a": [5, "prod-b"]}
    assert expand("{{ something.else }} stays") == "{{ something.else }} stays"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{ $NOT_SET_ANYWHERE }}", "NOT_SET_ANYWHERE"),
        ("{{ levada.variables.none }}", "levada variable set none"),
        ("{{ prefect.blocks.secret.key }}", "names a block"),
    ],
)
def test_what_names_nothing_is_an_error(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        expand(text)
