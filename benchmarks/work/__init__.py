"""Work: how long a due run takes to reach its function, how many runs a worker gets through, what claims cost.

`python -m benchmarks work` measures it and writes docs/benchmarks-work.md. `starting` has a server, real workers and
real runs; `peers` asks Prefect the same; `claims` and `scheduling` look at the control plane alone, on both databases.
"""
