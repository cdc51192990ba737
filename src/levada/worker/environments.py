"""Which interpreter executes a run: the worker's own, or that of the environment that the run's deployment declares.

Environments are built by ``python -m levada.environments``, in a process of its own: what builds them stands among the
verbs, above the worker. It reads ``{"environment": EnvironmentSpec, "code": Code}`` as JSON on its standard input and
prints the path of the interpreter as its last line.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

from msgspec import json

from levada.wire.deployments import EnvironmentSpec
from levada.wire.pools import WorkOrder
from levada.worker.launchers.refused import Refused

BUILD_SECONDS = 900.0
"""How long building an environment may take."""


class Interpreters:
    """Finds the interpreter of each run; one that was found is remembered while what it was built from stays."""

    def __init__(self) -> None:
        self._found: dict[bytes, str] = {}
        self._building: defaultdict[bytes, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def of(self, order: WorkOrder) -> str:
        """The interpreter for a run.

        Raises:
            Refused: its environment cannot be built.
        """
        spec = order.environment
        if spec is None:
            return sys.executable
        wanted = json.encode({"environment": spec, "code": order.code})
        if order.code.path is None and not spec.requirements:
            return _build(wanted)  # the files that say what is in it come with the code, and may be others each time
        key = wanted + _stamp(spec, order.code.path)
        with self._lock:
            building = self._building[key]
        with building:
            found = self._found.get(key)
            if found is None or not Path(found).exists():
                found = self._found[key] = _build(wanted)
        return found


def _stamp(spec: EnvironmentSpec, folder: str | None) -> bytes:
    """When the files that say what is in an environment were last changed."""
    named: list[Any] = [spec.requirements_file, spec.lock, spec.pyproject and f"{spec.pyproject}/pyproject.toml"]
    stamps = []
    for name in filter(None, named):
        try:
            stamps.append(str(Path(folder or "", name).stat().st_mtime_ns))
        except OSError:
            stamps.append("")
    return ",".join(stamps).encode()


def _build(wanted: bytes) -> str:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "levada.environments"],
            input=wanted,
            capture_output=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(f"The environment of the run could not be built: {error}") from error
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    if done.returncode != 0 or not lines:
        said = done.stderr.decode(errors="replace").strip()[-4000:]
        raise Refused(f"The environment of the run could not be built:\n{said}")
    return lines[-1]
