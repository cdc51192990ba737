"""Workers: how long a due run takes to reach its function, how many runs go through one worker, and what that costs.

`python -m benchmarks workers` starts a server on SQLite and one worker at a time, with each launcher.
"""
