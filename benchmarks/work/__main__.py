"""The command line: `python -m benchmarks work [--quick] [--peers none] [--only starting|schedules|claims]`."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks import machine
from benchmarks.environments import UnavailableError
from benchmarks.report import write_page
from benchmarks.servers.measure import Figure
from benchmarks.work import claims, peers, scheduling, starting
from benchmarks.work.figures import CLAIMS, SCHEDULES, STARTING, missed, page, terminal

PAGE = Path(__file__).parent.parent.parent / "docs" / "benchmarks-work.md"

PARTS = {"starting": STARTING, "schedules": SCHEDULES, "claims": CLAIMS}


def main(arguments: list[str]) -> int:
    """Measure what the arguments say; the exit code is 1 when a budget or a part was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks work", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs and shorter schedules: less than five minutes")
    parser.add_argument("--peers", default="all", choices=["all", "none"])
    parser.add_argument("--only", choices=list(PARTS), help="this part only")
    parser.add_argument("--output", type=Path, help="write the tables into this page (default for a run of all parts)")
    options = parser.parse_args(arguments)
    facts, chapters, failed = machine.describe(), dict[str, list[Figure]](), False
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for name, measure in _parts(options.quick, options.peers == "all"):
            if options.only in {None, name}:
                failed = not _measure(name, measure, chapters) or failed
    except KeyboardInterrupt:
        print("stopped; here is what was measured so far", file=sys.stderr)
        failed = True
    facts["load after"] = machine.load()
    print(terminal(chapters))
    output = options.output or (PAGE if not options.only and options.peers == "all" else None)
    if output:
        write_page(output, page(chapters, facts, shlex.join(["python", "-m", "benchmarks", "work", *arguments])))
        print(f"written: {output}", file=sys.stderr)
    for figure in missed(chapters):
        print(f"missed: {figure.target}, {figure.scenario}, {figure.name}: {figure.value:g}", file=sys.stderr)
    return int(failed or bool(missed(chapters)))


def _measure(name: str, measure: Callable[[], Iterable[Figure]], chapters: dict[str, list[Figure]]) -> bool:
    """Measure a part; whether all of it could be measured."""
    try:
        for figure in measure():
            chapters.setdefault(PARTS[name], []).append(figure)
    except (UnavailableError, OSError) as reason:  # a request that is refused, or waits too long, is an OSError
        print(f"{name}: the rest is left out: {reason!r}", file=sys.stderr)
        return False
    return True


def _parts(quick: bool, with_peers: bool) -> Iterable[tuple[str, Callable[[], Iterable[Figure]]]]:
    yield "starting", lambda: starting.measured(starting.QUICK if quick else starting.FULL, _say)
    if with_peers:
        yield "starting", lambda: peers.measured(peers.QUICK if quick else peers.FULL, _say)
    yield "schedules", lambda: scheduling.measured(quick, _say)
    yield "claims", lambda: claims.measured(quick, _say)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
