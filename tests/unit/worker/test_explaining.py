"""How a process ended is said in a sentence."""

from __future__ import annotations

import pytest

from levada.worker.explaining import why_it_ended
from levada.worker.jobs import Ended


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        (Ended(exit_code=0), ""),
        (Ended(exit_code=3), "The process ended with exit code 3."),
        (Ended(exit_code=127), "The process ended with exit code 127: its command was not found."),
        (Ended(exit_code=-6), "The process was ended by signal 6 (SIGABRT): a library gave it up."),
        (Ended(exit_code=-64), "The process was ended by signal 64 (SIGRTMAX)."),
        (
            Ended(exit_code=-9, oom=True, memory_peak=512 * 2**20),
            (
                "The process was killed by signal 9 (SIGKILL), not by Levada: the kernel ended it because memory ran "
                "out; its peak was 512 MiB."
            ),
        ),
        (
            Ended(exit_code=-9),
            (
                "The process was killed by signal 9 (SIGKILL), not by Levada: probably the kernel because memory ran "
                "out, or somebody with `kill -9`."
            ),
        ),
        (
            Ended(exit_code=-9, killed=True, stop={"kind": "cancel"}),
            "The process was killed (SIGKILL) because the run was cancelled and did not stop.",
        ),
        (Ended(exit_code=-9, killed=True, stop={"kind": "kill"}), "The process was killed (SIGKILL) on request."),
        (
            Ended(exit_code=-9, killed=True, stop={"kind": "interrupt"}),
            "The process was killed (SIGKILL) because it did not stop when its worker was stopped.",
        ),
        (
            Ended(exit_code=-15, asked=True, stop={"kind": "cancel"}),
            "The process ended by signal 15 (SIGTERM), with which it was asked to stop because the run was cancelled.",
        ),
        (Ended(exit_code=-15), "The process was ended by signal 15 (SIGTERM): somebody asked it to terminate."),
        (Ended(), "The process ended without anybody seeing how: its supervisor was killed."),
    ],
)
def test_an_exit_is_explained(ended: Ended, sentence: str) -> None:
    assert why_it_ended(ended) == sentence
