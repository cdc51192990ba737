"""What the measurements were made on."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def describe() -> dict[str, str]:
    """Processor, memory, disk, system and versions, in words for the head of a report."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "temporary files on": _file_system(Path(tempfile.gettempdir())),
        "system": f"{_distribution()}, {platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Levada": _levada(),
        "calibration": f"{_calibration() * 1e3:.0f} ms for a loop of a million additions",
        "load before": load(),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def load() -> str:
    """How many processes wanted the processors over the last minute: more than the run's own one or two is noise."""
    return f"{os.getloadavg()[0]:.2f}"


def _processor() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _distribution() -> str:
    for line in _lines(Path("/etc/os-release")):
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return "unknown distribution"


def _file_system(folder: Path) -> str:
    kinds: dict[str, str] = {}
    for line in _lines(Path("/proc/mounts")):
        _, mounted, kind, *_ = line.split()
        kinds[mounted] = kind
    place = folder.resolve()
    while str(place) not in kinds and place != place.parent:
        place = place.parent
    return kinds.get(str(place), "unknown")


def _levada() -> str:
    try:
        number = version("levada")
    except PackageNotFoundError:
        return "not installed"
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        commit = subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return number
    return f"{number} ({commit})"


def _calibration() -> float:
    """Seconds of the same small computation, best of five: what the processor gave while we measured."""
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        total = 0
        for number in range(1_000_000):
            total += number
        best = min(best, time.perf_counter() - started)
    return best


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
