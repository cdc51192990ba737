"""Run one command, and write down its wall time, processor time and peak memory.

Usage: python -I -S spawner.py FACTS COMMAND…  (writes one line to the file FACTS: wall, processor seconds, kilobytes,
exit status). The memory that Linux reports for a process is never less than that of the process which started it, so
the one that starts must be smaller than anything it measures: this file imports nothing else.
"""

import os
import sys
import time


def main() -> None:
    """Start the command, wait for it, and write what it used, its own children included."""
    facts, command = sys.argv[1], sys.argv[2:]
    started = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - started
    with open(facts, "w", encoding="ascii") as file:
        code = os.waitstatus_to_exitcode(status)
        file.write(f"{wall} {used.ru_utime + used.ru_stime} {used.ru_maxrss} {code}")


main()
