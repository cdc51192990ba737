"""How the process of a run ended, in a sentence for people."""

from __future__ import annotations

import signal

from levada.worker.jobs import Ended

_MEANINGS = {
    "SIGSEGV": "it touched memory that is not its own; mostly a mistake in a library written in C",
    "SIGBUS": "it touched memory that is not there; mostly a file that was cut while it was mapped",
    "SIGFPE": "a division by zero in code written in C",
    "SIGILL": "it met an instruction that this processor does not have",
    "SIGABRT": "a library gave it up",
    "SIGXCPU": "it used up the processor time that it was allowed",
    "SIGTERM": "somebody asked it to terminate",
    "SIGINT": "somebody interrupted it",
    "SIGHUP": "its terminal is gone",
}

_CODES = {
    126: "its command may not be executed",
    127: "its command was not found",
    70: "it could not record why it did not execute the run; what it printed is in the logs",
}


def why_it_ended(ended: Ended) -> str:
    """One sentence about how a process ended; empty when there is nothing to explain."""
    code = ended.exit_code
    stop = ended.stop.get("kind")
    if code is None:
        return "The process ended without anybody seeing how: its supervisor was killed."
    if code == 0:
        return ""
    if code > 0:
        known = _CODES.get(code)
        return f"The process ended with exit code {code}{': ' + known if known else ''}."
    name = _name(-code)
    if ended.killed:
        why = {"cancel": "because the run was cancelled and did not stop", "kill": "on request"}.get(
            stop or "", "because it did not stop when its worker was stopped"
        )
        return f"The process was killed (SIGKILL) {why}."
    if name == "SIGKILL":
        return f"The process was killed by signal 9 (SIGKILL), not by Levada: {_killer(ended)}."
    if name == "SIGTERM" and ended.asked:
        return f"The process ended by signal 15 (SIGTERM), with which it was asked to stop{_because(stop)}."
    meaning = _MEANINGS.get(name)
    return f"The process was ended by signal {-code} ({name}){': ' + meaning if meaning else ''}."


def _killer(ended: Ended) -> str:
    peak = "" if not ended.memory_peak else f"; its peak was {ended.memory_peak / 2**20:,.0f} MiB"
    if ended.oom:
        return f"the kernel ended it because memory ran out{peak}"
    return f"probably the kernel because memory ran out, or somebody with `kill -9`{peak}"


def _because(stop: str | None) -> str:
    return " because the run was cancelled" if stop == "cancel" else " because its worker was stopped" if stop else ""


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
