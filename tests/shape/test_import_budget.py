"""`import levada; from levada import flow, task` stays light.

Times differ between machines, so the budget is held on what is loaded, counted against a Python that imported nothing.
Every author, every subprocess and every worker pays for each module here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache

THE_FACE = "import levada; from levada import flow, task"

# Third-party packages that the face may load. typing_extensions comes with msgspec where it is installed.
ALLOWED_THIRD_PARTY = {"levada", "msgspec", "typing_extensions"}

# Heavy standard modules that no definition of a flow needs. What msgspec itself loads (inspect, uuid) cannot be here.
FORBIDDEN_STANDARD = {
    "asyncio",
    "concurrent.futures",
    "ctypes",
    "email",
    "http",
    "importlib.metadata",
    "logging.config",
    "logging.handlers",
    "multiprocessing",
    "pickle",
    "selectors",
    "shutil",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "unittest",
    "urllib.request",
    "xml",
    "zoneinfo",
}

# Counted with Python 3.11: msgspec alone loads 63 modules. Lower these when the face gets lighter; never raise them
# without a line in docs/decisions.
MOST_MODULES = 135
MOST_OWN_MODULES = 36


@cache
def _loaded_by(statement: str) -> frozenset[str]:
    """The modules that a fresh interpreter has after the statement and not before it."""
    program = (
        "import sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "after = set(sys.modules) - before\n"
        "import json; print(json.dumps(sorted(after)))"
    )
    # PYTHONPATH could put a sitecustomize before us whose imports are not ours.
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONSTARTUP"}},
    )
    return frozenset(json.loads(done.stdout.splitlines()[-1]))


def _top(module: str) -> str:
    return module.partition(".")[0]


def test_the_face_loads_no_third_party_package_but_msgspec() -> None:
    strangers = {
        _top(module)
        for module in _loaded_by(THE_FACE)
        if _top(module) not in sys.stdlib_module_names and not _top(module).startswith("__editable__")
    }
    assert strangers <= ALLOWED_THIRD_PARTY


def test_the_face_does_not_load_heavy_standard_modules() -> None:
    assert sorted(_loaded_by(THE_FACE) & FORBIDDEN_STANDARD) == []


def test_the_face_loads_few_modules() -> None:
    loaded = _loaded_by(THE_FACE)
    assert len(loaded) <= MOST_MODULES, sorted(loaded - _loaded_by("import msgspec"))
    own = sorted(module for module in loaded if _top(module) == "levada")
    assert len(own) <= MOST_OWN_MODULES, own


def test_importing_the_package_runs_nothing() -> None:
    """`import levada` alone resolves names lazily: it loads no room and no noun."""
    own = {module for module in _loaded_by("import levada") if _top(module) == "levada"}
    assert own <= {"levada", "levada.version"}


def test_importing_the_face_touches_no_file_and_starts_no_thread(levada_home) -> None:
    program = f"{THE_FACE}\nimport threading; print(threading.active_count())"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "1"
    assert done.stderr == ""
    assert not levada_home.exists()


def test_printing_the_help_of_the_command_loads_no_heavy_library() -> None:
    """Completion, scripts and people at a prompt pay for `levada --help` each time (docs/decisions/0003)."""
    program = (
        "import contextlib, io, sys; sys.argv = ['levada', '--help']\n"
        "from levada.cli.main import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): main()"
    )
    heavy = {"asyncio", "cloudpickle", "httpx", "multiprocessing", "pydantic", "rich", "sqlite3"}
    assert sorted(_loaded_by(program) & heavy) == []
