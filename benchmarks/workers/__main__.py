"""The command line: `python -m benchmarks workers [--quick]`."""

from __future__ import annotations

import argparse
import sys

from benchmarks import machine
from benchmarks.servers.report import terminal
from benchmarks.workers.measure import FULL, QUICK, measured


def main(arguments: list[str]) -> int:
    """Measure workers; the exit code is 0 when everything could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks workers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    options = parser.parse_args(arguments)
    figures = list(measured(QUICK if options.quick else FULL, lambda line: print(line, file=sys.stderr, flush=True)))
    print(terminal(figures))
    print(f"load {machine.load()}")
    return 0
