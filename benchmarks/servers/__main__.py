"""The command line: `python -m benchmarks servers [--quick|--long] [--runs 100000] [--peers none] [--only sqlite]`."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks import machine
from benchmarks.environments import UnavailableError
from benchmarks.report import write_page
from benchmarks.servers.measure import FULL, LONG, QUICK, Figure, measured
from benchmarks.servers.report import page, terminal
from benchmarks.servers.targets import targets

PAGE = Path(__file__).parent.parent.parent / "docs" / "benchmarks-server.md"


def main(arguments: list[str]) -> int:
    """Measure what the arguments say; the exit code says whether everything of Levada's could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks servers", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a few seconds each, few rows")
    size.add_argument("--long", action="store_true", help="a million flow runs, ten million task runs, a long soak")
    parser.add_argument("--runs", type=int, metavar="N", help="flow runs in the database while lists are asked")
    parser.add_argument("--peers", default="all", choices=["all", "none"])
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="servers on this database only")
    parser.add_argument("--output", type=Path, help="write the tables into this page (default for a full run)")
    options = parser.parse_args(arguments)
    plan = QUICK if options.quick else LONG if options.long else FULL
    if options.runs:
        plan = replace(plan, seeded_runs=options.runs)
    facts = machine.describe()
    figures: list[Figure] = []
    failed = False
    for target in targets(options.peers == "all"):
        if options.only and target.database != options.only:
            continue
        try:
            figures += measured(target, plan, lambda line: print(line, file=sys.stderr, flush=True))
        except UnavailableError as reason:
            print(f"{target.title} is left out: {reason}", file=sys.stderr)
            failed = failed or target.name == "Levada"
    facts["load after"] = machine.load()
    print(terminal(figures))
    partial = options.quick or options.runs or options.only or options.peers != "all"
    output = options.output or (None if partial else PAGE)
    if output:
        write_page(output, page(figures, facts, shlex.join(["python", "-m", "benchmarks", "servers", *arguments])))
    failed = failed or any(figure.name == "failed" and figure.target.startswith("Levada") for figure in figures)
    return int(failed)
