"""The test kit: run flows in milliseconds in a home of their own, with a clock that does not wait.

May import every room; no room imports it. A test looks like this::

    from levada.testing import harness


    def test_my_pipeline_retries_the_download():
        with harness(virtual_clock=True) as test:
            assert my_pipeline("monday") == 42
            test.assert_ran("download", times=3)
            test.assert_state("download-0", "Completed")

Nothing is written outside a temporary home, no server or subprocess is started, and sleeps and retry delays take no
time. `fault` makes the world fail at a named point (a process that a test starts is armed through its environment, with
``LEVADA_FAULT``: see `levada.testing.faults`); `eventually` waits for something another thread or process does.
"""

from __future__ import annotations

from levada.testing.clock import VirtualClock
from levada.testing.faults import InjectedFault, fault
from levada.testing.harness import Harness, harness
from levada.testing.waiting import eventually

__all__ = ["Harness", "InjectedFault", "VirtualClock", "eventually", "fault", "harness"]
