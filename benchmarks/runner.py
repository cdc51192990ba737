"""Runs the samples: each a process of its own, the systems taking turns."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.catalogue import PATIENCE, Workload
from benchmarks.environments import UnavailableError
from benchmarks.systems import System

SPAWNER = Path(__file__).with_name("spawner.py")
SCRIPTS = Path(__file__).with_name("workloads")
LIMIT = 900.0  # seconds that one sample may take


class SampleError(Exception):
    """A sample did not end well; the text is the last thing that its process said."""


@dataclass(frozen=True)
class Sample:
    """One process: wall seconds, processor seconds, peak bytes of its largest process, and what its script reported."""

    wall: float
    cpu: float
    rss: float
    facts: dict[str, float] = field(default_factory=dict)


@dataclass
class Outcome:
    """All samples of one workload on one system, or the reason why there are none."""

    workload: str
    system: str
    samples: list[Sample] = field(default_factory=list)
    trouble: str = ""


class Bench:
    """Measures workloads on systems. `quick`: fewer repetitions, smaller counts. `say` hears of the progress."""

    def __init__(self, systems: list[System], *, quick: bool, say: Callable[[str], None]) -> None:
        self.systems = {system.name: system for system in systems}
        self.quick = quick
        self.say = say
        self.unavailable: dict[str, str] = {}
        self._ready: set[str] = set()
        self._homes = tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)

    def close(self) -> None:
        """Stop the servers and remove every home."""
        for system in self.systems.values():
            if system.server:
                system.server.stop()
        self._homes.cleanup()

    def measure(self, workload: Workload) -> list[Outcome]:
        """All samples of one workload, the systems taking turns; slower systems run out of turns earlier."""
        systems = [self.systems[name] for name in workload.systems() if name in self.systems]
        outcomes = {system.name: Outcome(workload.name, system.name) for system in systems}
        for turn in range(workload.repeat):
            for system in systems:
                outcome = outcomes[system.name]
                if turn < self.turns(workload, system) and not outcome.trouble:
                    self._sample_into(outcome, workload, system)
        return list(outcomes.values())

    def turns(self, workload: Workload, system: System) -> int:
        """How many samples a system gives."""
        share = PATIENCE.get(system.name, 1.0) * (0.34 if self.quick else 1.0)
        return max(1, round(workload.repeat * share))

    def count(self, workload: Workload, system: System) -> int:
        """How many operations a sample has."""
        full = workload.counts.get(system.name, 1)
        return workload.quick.get(system.name, full) if self.quick else full

    def _sample_into(self, outcome: Outcome, workload: Workload, system: System) -> None:
        if system.name in self.unavailable:
            outcome.trouble = self.unavailable[system.name]
            return
        try:
            self._prepare(system)
            with self._home(system) as home, _awake(system):
                self.say(f"{workload.name} · {system.title}")
                outcome.samples.append(self._sample(workload, system, home))
        except UnavailableError as reason:
            self.unavailable[system.name] = outcome.trouble = str(reason)
            self.say(f"{system.title} is left out: {reason}")
        except SampleError as reason:
            outcome.trouble = str(reason)
            self.say(f"{workload.name} · {system.title} failed: {reason}")

    def _prepare(self, system: System) -> None:
        if system.name in self._ready:
            return
        system.ensure()
        self._ready.add(system.name)
        if system.server:
            system.server.freeze()
        # Writes the byte code of the scripts and warms the disk cache; a home that is kept gets its database.
        with self._home(system) as home, _awake(system):
            self._run(system, home, [system.python, str(_script(system, "hello")), "1"])

    def _sample(self, workload: Workload, system: System, home: Path) -> Sample:
        if workload.before:
            self._run(system, home, [system.python, str(_script(system, workload.before)), "1"])
        before = system.server.cpu() if system.server else 0.0
        sample = self._run(system, home, self._command(workload, system, home))
        if system.server:
            system.server.settle()
            sample.facts["server_cpu"] = system.server.cpu() - before
        return sample

    def _command(self, workload: Workload, system: System, home: Path) -> list[str]:
        if line := workload.commands.get(system.name):
            return [word.format(bin=system.bin, home=home) for word in shlex.split(line)]
        script = _script(system, workload.script or workload.name)
        return [system.python, str(script), str(self.count(workload, system))]

    def _run(self, system: System, home: Path, command: list[str]) -> Sample:
        facts, output = home / "spawner.txt", home / "output.txt"
        spawner = [sys.executable, "-I", "-S", str(SPAWNER), str(facts), *command]
        with output.open("wb") as file:
            process = subprocess.Popen(
                spawner,
                cwd=home,
                env=system.variables(home),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise SampleError(f"no end after {LIMIT:.0f} s") from None
        return read_sample(facts.read_text(encoding="ascii"), output.read_text(encoding="utf-8", errors="replace"))

    @contextmanager
    def _home(self, system: System) -> Iterator[Path]:
        if system.keeps_home:
            home = Path(self._homes.name) / system.name
            home.mkdir(exist_ok=True)
            yield home
            return
        with tempfile.TemporaryDirectory(dir=self._homes.name, ignore_cleanup_errors=True) as name:
            yield Path(name)


def read_sample(facts: str, output: str) -> Sample:
    """A sample from the spawner's line and the script's output; raises `SampleError` when the process failed."""
    wall, cpu, kilobytes, code = facts.split()
    if code != "0":
        said = [line for line in output.splitlines() if line.strip()]
        # The words may end in a page of the documentation, which knows nothing of this machine's folders.
        last = said[-1].replace(f"{SCRIPTS.parent.parent}/", "")[:300] if said else "no output"
        raise SampleError(f"exit code {code}: {last}")
    reported = [line[6:] for line in output.splitlines() if line.startswith("BENCH ")]
    return Sample(float(wall), float(cpu), float(kilobytes) * 1024, json.loads(reported[-1]) if reported else {})


def _script(system: System, name: str) -> Path:
    return SCRIPTS / system.scripts / f"{name.replace('-', '_')}.py"


@contextmanager
def _awake(system: System) -> Iterator[None]:
    if system.server:
        system.server.thaw()
    try:
        yield
    finally:
        if system.server:
            system.server.freeze()
