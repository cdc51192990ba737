"""The step that goes into a folder."""

from __future__ import annotations

import os
from pathlib import Path

from levada.steps.errors import StepExecutionError


def set_working_directory(directory: str) -> dict[str, str]:
    """Go into a folder; what comes after it, and the flow, run there.

    Args:
        directory: on the machine that runs the step.

    Raises:
        StepExecutionError: there is no such folder.
    """
    place = Path(directory).expanduser()
    if not place.is_dir():
        raise StepExecutionError(f"There is no folder {directory!r} on this machine (working directory {Path.cwd()}).")
    os.chdir(place)
    return {"directory": str(Path.cwd())}
