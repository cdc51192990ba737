"""The command line: `python -m benchmarks page [--quick|--long] [--peers none]`."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks import machine
from benchmarks.environments import UnavailableError
from benchmarks.page import figures
from benchmarks.page.measure import FULL, LONG, QUICK, Changed, Opened, measured
from benchmarks.report import write_page
from tests.e2e.browser import executable, has_page

PAGE = Path(__file__).parent.parent.parent / "docs" / "benchmarks-page.md"


def main(arguments: list[str]) -> int:
    """Measure what the arguments say; 1 when a demand was missed or something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks page", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="ten thousand flow runs, each view once")
    size.add_argument("--long", action="store_true", help="a million flow runs, ten million task runs, in PostgreSQL")
    parser.add_argument("--peers", default="all", choices=["all", "none"])
    parser.add_argument("--runs", type=int, help="so many flow runs instead")
    parser.add_argument("--output", type=Path, help="write the tables into this page (default for a full run)")
    options = parser.parse_args(arguments)
    if executable() is None or not has_page():
        print(
            "page: left out: it needs Chromium (apt-get install chromium) and the built page (make ui)", file=sys.stderr
        )
        return 1
    plan = QUICK if options.quick else LONG if options.long else FULL
    plan = replace(plan, runs=options.runs or plan.runs, peer_tasks=plan.peer_tasks if options.peers == "all" else None)
    facts, found, failed = machine.describe(), list[Opened | Changed](), False
    facts["in the database"] = f"{plan.runs:,} flow runs, {plan.runs * plan.tasks:,} task runs"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for one in measured(plan, lambda line: print(line, file=sys.stderr, flush=True)):
            found.append(one)
    except (KeyboardInterrupt, UnavailableError, OSError) as reason:
        print(f"page: the rest is left out: {reason!r}", file=sys.stderr)
        failed = True
    facts["load after"] = machine.load()
    print(figures.terminal(found))
    output = options.output or (PAGE if options.peers == "all" and not failed and not options.long else None)
    if output:
        write_page(output, figures.page(found, facts, shlex.join(["python", "-m", "benchmarks", "page", *arguments])))
        print(f"written: {output}", file=sys.stderr)
    for line in figures.missed(found):
        print(f"missed: {line}", file=sys.stderr)
    return int(failed or bool(figures.missed(found)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
