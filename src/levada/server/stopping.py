"""How those who wait inside a server learn that it stops."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Stopping:
    """Set once, when the server has stopped to accept connections; streams end then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] = []
        self.is_set = False

    def when(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Have something called when the server stops, at once when it does already; returns how to take it back."""
        with self._lock:
            if not self.is_set:
                self._callbacks.append(callback)

                def take_back() -> None:
                    with self._lock:
                        if callback in self._callbacks:
                            self._callbacks.remove(callback)

                return take_back
        callback()
        return lambda: None

    def set(self) -> None:
        """Tell everybody; twice does nothing."""
        with self._lock:
            self.is_set = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()
