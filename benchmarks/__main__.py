"""The command line of the benchmarks.

`python -m benchmarks` measures everything, `python -m benchmarks servers` only the servers, `work` only workers, claims
and schedules, `page` only the page in a browser, and `python -m benchmarks profile` says where the time goes.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

from benchmarks import catalogue, machine, profiling, report
from benchmarks.page import __main__ as page
from benchmarks.runner import Bench
from benchmarks.servers import __main__ as servers
from benchmarks.systems import System, all_systems
from benchmarks.work import __main__ as work

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
LATEST = Path(__file__).parent / ".results" / "latest.json"


def main(arguments: list[str]) -> int:
    """Measure or profile, as the arguments say; the exit code says whether every sample of Levada ended well."""
    if arguments[:1] == ["profile"]:
        return profiling.main(arguments[1:])
    if arguments[:1] == ["servers"]:
        return servers.main(arguments[1:])
    if arguments[:1] == ["work"]:
        return work.main(arguments[1:])
    if arguments[:1] == ["page"]:
        return page.main(arguments[1:])
    options = _parser().parse_args(arguments)
    try:
        workloads = catalogue.chosen(options.only)
        systems = selected(options.peers)
    except KeyError as error:
        sys.exit(f"benchmarks: {error.args[0]}")
    command = shlex.join(["python", "-m", "benchmarks", *arguments])
    facts = machine.describe()
    bench = Bench(systems, quick=options.quick, say=lambda line: print(line, file=sys.stderr, flush=True))
    outcomes = []
    try:
        for workload in workloads:
            outcomes += bench.measure(workload)
    except KeyboardInterrupt:
        print("stopped; here is what was measured so far", file=sys.stderr)
    finally:
        bench.close()
    facts["load after"] = machine.load()
    titles = {system.name: system.title for system in systems}
    contents = report.chapters(workloads, outcomes)
    data = report.as_data(contents, facts, command)
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(data, indent=2), encoding="utf-8")
    print(json.dumps(data, indent=2) if options.json else report.terminal(contents, titles))
    output = options.output or (PAGE if not (options.quick or options.only or options.peers != "all") else None)
    if output:
        report.write_page(output, report.page(contents, titles, facts, command))
        print(f"written: {output}", file=sys.stderr)
    failed = any(outcome.trouble for outcome in outcomes if outcome.system == "levada")
    if not options.only and not options.json:
        passed_on = ["--quick"] * options.quick + (["--peers", "none"] if options.peers == "none" else [])
        failed = bool(servers.main(passed_on)) or failed
        failed = bool(work.main(passed_on)) or failed
        failed = bool(page.main(passed_on)) or failed
    return int(failed)


def selected(peers: str) -> list[System]:
    """Bare Python, Levada, and the peers that were asked for; raises `KeyError` for an unknown one."""
    systems = all_systems()
    known = {system.peer for system in systems if system.peer}
    wanted = known if peers == "all" else set() if peers == "none" else set(peers.split(","))
    if unknown := wanted - known:
        raise KeyError(f"no peer is called {', '.join(sorted(unknown))}; there are: {', '.join(sorted(known))}")
    return [system for system in systems if not system.peer or system.peer in wanted]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, and fewer operations for slow peers")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="this workload only; may be given again"
    )
    parser.add_argument("--peers", default="all", help="all (default), none, or names: prefect,dbos")
    parser.add_argument(
        "--output", type=Path, help="write the tables into this page (default for a full run: docs/benchmarks.md)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
