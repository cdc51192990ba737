"""The benchmarks: Levada beside its peers and beside bare Python, measured in the same run.

`make bench` (that is `python -m benchmarks`) runs every workload of `catalogue.py` on every system of `systems.py`. A
workload is one small script per system, in `workloads/SYSTEM/`, written the way that system's own users would write
it. Each run is a process of its own, in that system's own environment and in a fresh home. Runs of different systems
take turns, so that a noisy minute hits all of them; the tables show medians and the spread.

How a sample comes about: `runner.py` starts `spawner.py`, a process small enough not to disturb the memory reading,
which starts the script and reports its wall time, processor time and peak memory. The script prints one line of JSON
with what it measured inside. `environments.py` installs the peers on demand; one that cannot be installed is left out
and the tables say why.

Imports: the standard library only, so that measuring needs nothing that is being measured.
"""
