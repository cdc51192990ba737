"""Environments: built by the real uv, from wheels that lie beside them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from msgspec import json

from levada.core.errors import ConfigurationError
from levada.environments import EnvironmentFailed, environments_root, interpreter_of
from levada.environments.contents import contents_of
from levada.environments.ourselves import write_links
from levada.wire.deployments import Code, EnvironmentSpec


def wheel(folder: Path, name: str, version: str, code: str) -> str:
    """Make a package of one module; gives the requirement line that installs it."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(f"{name}.py", code)
        packed.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        packed.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        packed.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return f"{name} @ {file.as_uri()}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, EnvironmentSpec, Path]:
    """A home with an environment in it, what it was made from, and its interpreter."""
    home = tmp_path_factory.mktemp("home")
    wheels = home / "wheels"
    spec = EnvironmentSpec(
        requirements=[
            wheel(wheels, "tiny", "1.0", "WORD = 'tiny'"),
            wheel(wheels, "cronsim", "99.0", "WORD = 'theirs'"),
        ]
    )
    return home, spec, interpreter_of(spec, home, home=home)


def run(python: Path, code: str, cwd: Path) -> str:
    done = subprocess.run([str(python), "-c", code], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_environment_has_what_was_asked_for_and_levada(
    made: tuple[Path, EnvironmentSpec, Path], tmp_path: Path
) -> None:
    home, _, python = made
    assert python.is_relative_to(environments_root(home))
    assert run(python, "import tiny, levada.execution; print(tiny.WORD, levada.__version__)", tmp_path).startswith(
        "tiny "
    )


def test_what_only_the_worker_has_is_not_in_it(made: tuple[Path, EnvironmentSpec, Path], tmp_path: Path) -> None:
    assert run(made[2], "import importlib.util as u; print(u.find_spec('pytest'))", tmp_path) == "None"


def test_the_authors_version_of_a_package_goes_before_ours(
    made: tuple[Path, EnvironmentSpec, Path], tmp_path: Path
) -> None:
    assert run(made[2], "import cronsim; print(cronsim.WORD)", tmp_path) == "theirs"


def test_the_second_use_finds_it_in_no_time(made: tuple[Path, EnvironmentSpec, Path]) -> None:
    home, spec, python = made
    began = time.thread_time()
    assert interpreter_of(spec, home, home=home) == python
    assert time.thread_time() - began < 0.05


def test_a_worker_asks_and_is_answered(made: tuple[Path, EnvironmentSpec, Path], tmp_path: Path) -> None:
    home, spec, python = made
    asked = json.encode({"environment": spec, "code": Code(entrypoint="flow.py:flow")})
    done = subprocess.run(
        [sys.executable, "-m", "levada.environments"],
        input=asked,
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "LEVADA_HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().splitlines()[-1] == str(python)


def test_what_cannot_be_installed_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    spec = EnvironmentSpec(requirements=[f"gone @ {(tmp_path / 'gone-1.0-py3-none-any.whl').as_uri()}"])
    with pytest.raises(EnvironmentFailed, match="gone"):
        interpreter_of(spec, tmp_path, home=tmp_path)
    left = os.listdir(environments_root(tmp_path))
    assert [name for name in left if not name.endswith(".lock")] == []


def test_packages_beside_which_levada_does_not_work_are_found_at_once(tmp_path: Path) -> None:
    spec = EnvironmentSpec(requirements=[wheel(tmp_path / "wheels", "msgspec", "0.0.1", "BROKEN = True")])
    with pytest.raises(EnvironmentFailed, match="msgspec"):
        interpreter_of(spec, tmp_path, home=tmp_path)


def test_without_uv_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    wanted = json.encode({"environment": EnvironmentSpec(requirements=["x"]), "code": Code(entrypoint="f.py:f")})
    places = os.pathsep.join(path for path in sys.path if path.endswith("src"))
    write_links(tmp_path / "links", with_packages=True)
    done = subprocess.run(
        [str(bare / "bin" / "python"), "-m", "levada.environments"],
        input=wanted,
        capture_output=True,
        check=False,
        env={
            "PATH": "",
            "LEVADA_HOME": str(tmp_path),
            "PYTHONPATH": os.pathsep.join([str(tmp_path / "links"), places]),
        },
    )
    assert done.returncode == 1
    assert b"pip install uv" in done.stderr


def test_files_that_a_requirements_file_names_count_too(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r more.txt\n")
    (tmp_path / "more.txt").write_text("a==1\n")
    spec = EnvironmentSpec(requirements_file="requirements.txt")
    first = contents_of(spec, tmp_path).digest
    (tmp_path / "more.txt").write_text("a==2\n")

    assert contents_of(spec, tmp_path).digest != first


def test_the_same_files_elsewhere_are_the_same_environment(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").write_text("[project]\nname = 'x'\nversion = '1'\n")
    spec = EnvironmentSpec(pyproject=".")

    assert contents_of(spec, tmp_path / "one").digest == contents_of(spec, tmp_path / "other").digest


@pytest.mark.parametrize(
    "spec",
    [
        EnvironmentSpec(requirements_file="../secrets.txt"),
        EnvironmentSpec(pyproject="/etc"),
        EnvironmentSpec(requirements_file="none.txt"),
        EnvironmentSpec(lock="uv.lock"),
    ],
)
def test_files_that_are_not_there_or_not_in_the_code_are_refused(spec: EnvironmentSpec, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        contents_of(spec, tmp_path)


def test_a_locked_project_is_installed_as_its_lock_says(tmp_path: Path) -> None:
    line = wheel(tmp_path / "wheels", "tiny", "2.0", "WORD = 'locked'")
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        f'[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["{line}"]\n'
    )
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "lock", "--quiet", "--offline"], cwd=project, check=True)
    python = interpreter_of(EnvironmentSpec(lock="uv.lock"), project, home=tmp_path)

    assert run(python, "import tiny; print(tiny.WORD)", tmp_path) == "locked"
    assert sorted(os.listdir(project)) == ["pyproject.toml", "uv.lock"]
