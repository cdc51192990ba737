"""Resume a run of many tasks that failed at its last one: the time of `levada flow-run resume RUN`."""

import os
import subprocess
import sys
import time
from pathlib import Path

from stopwatch import count, report

levada = Path(sys.executable).with_name("levada")
script = Path(__file__).with_name("interrupted.py")
failed = subprocess.run([sys.executable, script, str(count())], check=False, capture_output=True, text=True)
run = next(line.split()[1] for line in failed.stdout.splitlines() if line.startswith("RUN"))
Path(os.environ["BENCH_HOME"], "removed").touch()
started = time.perf_counter()
subprocess.run([levada, "flow-run", "resume", run], check=True, stdout=sys.stderr)
report(count=count(), seconds=time.perf_counter() - started)
