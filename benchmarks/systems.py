"""What is measured: bare Python, Levada and its peers, each with its environment, its settings and its server."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.environments import Environment
from benchmarks.prefect_server import PrefectServer

PREFECT = Environment(
    "prefect",
    ("prefect==3.9.1",),
    # Prefect 3.9.1 asks for a certifi that package mirrors may not have yet.
    overrides=("certifi>=2025.1.31",),
)
DBOS = Environment("dbos", ("dbos==3.4.0",))

# Peers must not call home from a benchmark, and must not see the settings of whoever runs it.
QUIET = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
FOREIGN = ("LEVADA_", "PREFECT_", "DBOS_", "PYTHON")


@dataclass(frozen=True)
class System:
    """A system under measurement. `scripts` is its folder below `workloads/`; `peer` the name `--peers` knows it by."""

    name: str
    title: str
    scripts: str
    peer: str = ""
    environment: Environment | None = None
    settings: dict[str, str] = field(default_factory=dict)
    server: PrefectServer | None = None
    keeps_home: bool = False

    @property
    def bin(self) -> Path:
        """The folder of the interpreter that runs this system's scripts."""
        return self.environment.bin if self.environment else Path(sys.executable).parent

    @property
    def python(self) -> str:
        """The interpreter that runs this system's scripts."""
        return str(self.bin / "python")

    def ensure(self) -> None:
        """Install and start what must be there before the first sample; raises `UnavailableError` with the reason."""
        if self.environment:
            self.environment.ensure()
        if self.server:
            self.server.start()

    def variables(self, home: Path) -> dict[str, str]:
        """The environment variables for one sample whose files may lie in `home`."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        homes = {"LEVADA_HOME": str(home), "PREFECT_HOME": str(home), "BENCH_HOME": str(home)}
        server = self.server.variables() if self.server else {}
        timing = {"PYTHONPATH": str(Path(__file__).parent / "workloads" / "timing")}
        return {**inherited, **QUIET, **homes, **self.settings, **server, **timing}


def all_systems() -> list[System]:
    """Every system, in the order in which the tables show them."""
    return [
        System("bare", "bare Python", "bare"),
        System("levada", "Levada", "levada"),
        System("dbos", "DBOS 3.4, SQLite", "dbos", peer="dbos", environment=DBOS),
        System("prefect", "Prefect 3.9, server", "prefect", "prefect", PREFECT, server=PrefectServer(PREFECT)),
        System(
            "prefect-temporary",
            "Prefect 3.9, no server",
            "prefect",
            "prefect",
            PREFECT,
            # Its start-up limit of 20 s is too short for the first migrations on a slow machine.
            settings={"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"},
            keeps_home=True,
        ),
    ]
