"""Where the time of Levada's hot path goes: `python -m benchmarks profile`.

The default is a sampler of our own: a timer interrupts the process at every tick of its processor time, and the
function that was running is noted. It adds next to nothing, so that its shares are true; `--exact` uses cProfile
instead, which counts calls but makes many small calls look dearer than they are.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import runpy
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

INTERVAL = 0.0005  # seconds of processor time between two looks; the kernel's own tick is a lower bound
WARM_UP = 200  # operations before the clock starts
SCRIPTS = Path(__file__).with_name("workloads")
LEVADA = find_spec("levada")
PACKAGE = str(Path(LEVADA.origin).parent.parent) if LEVADA and LEVADA.origin else "nowhere"
CLOCK = str(SCRIPTS / "timing" / "stopwatch.py")

# What to profile: a script of `workloads/levada/`, and the flow in it that does the work.
ENTRIES = {
    "sequential": "sequence",
    "sequential-async": "sequence",
    "map": "fan_out",
    "persisted": "sequence",
    "cached": "sequence",
    "logs": "talkative",
    "subflows": "parent",
    "nested": "nest",
}


class Sampler:
    """Notes the running function of the main thread at every tick of the processor-time clock."""

    def __init__(self) -> None:
        self.own: Counter[tuple[str, int, str]] = Counter()
        self.within: Counter[tuple[str, int, str]] = Counter()
        self.ticks = 0

    def __enter__(self) -> Sampler:
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        self.ticks += 1
        seen = set()
        first = True
        while frame and frame.f_code.co_filename != CLOCK:
            code = frame.f_code
            place = (code.co_filename, code.co_firstlineno, code.co_qualname)
            if first:
                self.own[place] += 1
                first = False
            if place not in seen:
                seen.add(place)
                self.within[place] += 1
            frame = frame.f_back


def main(arguments: list[str]) -> int:
    """Profile one workload and print the shares."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-profile-", ignore_cleanup_errors=True) as home:
        os.environ["LEVADA_HOME"] = home
        work = load(options.work)
        work(WARM_UP)
        if options.exact:
            _exactly(lambda: work(options.count), options.lines)
        else:
            _sampled(work, options)
    return 0


def _sampled(work: Callable[[int], object], options: argparse.Namespace) -> None:
    started, cpu = time.perf_counter(), time.process_time()
    calls = 0
    with Sampler() as sampler:
        while time.perf_counter() - started < options.seconds:
            work(options.count)
            calls += options.count
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(f"{options.work}: {calls:,} operations in {wall:.1f} s, {wall / calls * 1e6:.1f} µs each,", end=" ")
    print(f"{cpu / calls * 1e6:.1f} µs of processor time")
    rooms: Counter[str] = Counter()
    for (file, _, _), ticks in sampler.own.items():
        rooms[room(file)] += ticks
    each = cpu / calls * 1e6 / max(sampler.ticks, 1)
    print(f"\nown time by room, of {sampler.ticks:,} looks")
    for name, ticks in rooms.most_common(options.lines):
        print(f"  {ticks / sampler.ticks:6.1%}  {ticks * each:7.2f} µs  {name}")
    for title, counter in (("own time", sampler.own), ("time within, its callees included", sampler.within)):
        print(f"\n{title} by function")
        for (file, line, function), ticks in counter.most_common(options.lines):
            print(f"  {ticks / sampler.ticks:6.1%}  {ticks * each:7.2f} µs  {function}  ({short(file)}:{line})")


def _exactly(work: Callable[[], object], lines: int) -> None:
    profile = cProfile.Profile()
    profile.runcall(work)
    pstats.Stats(profile, stream=sys.stdout).strip_dirs().sort_stats("tottime").print_stats(lines)


def room(file: str) -> str:
    """The room or library that a file belongs to."""
    if file.startswith(PACKAGE):
        return file.removeprefix(PACKAGE)[1:].removesuffix(".py").replace("/", ".")
    if "site-packages/" in file:
        return file.rpartition("site-packages/")[2].partition("/")[0]
    return "the benchmark itself" if "benchmarks" in file else f"Python: {Path(file).stem}"


def short(file: str) -> str:
    """A path from its package on."""
    return file.removeprefix(PACKAGE)[1:] if file.startswith(PACKAGE) else "/".join(Path(file).parts[-2:])


def load(work: str) -> Callable[[int], object]:
    """The entry of a Levada script of the benchmark, which takes the number of operations."""
    sys.path.insert(0, str(SCRIPTS / "timing"))
    names = runpy.run_path(str(SCRIPTS / "levada" / f"{work.replace('-', '_')}.py"), run_name="profiled")
    entry = names[ENTRIES[work]]

    def run(calls: int) -> object:
        outcome = entry(calls)
        return asyncio.run(outcome) if asyncio.iscoroutine(outcome) else outcome

    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks profile", description=__doc__)
    parser.add_argument("work", nargs="?", default="sequential", choices=list(ENTRIES), help="what to profile")
    parser.add_argument("--count", type=int, default=10_000, help="operations of one flow run (default 10,000)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to sample, run after run (default 5)")
    parser.add_argument("--lines", type=int, default=25, help="lines of each table")
    parser.add_argument("--exact", action="store_true", help="use cProfile")
    return parser
