"""What a process pool and its children say to each other over a socket: frames of a kind and some bytes.

========  =========  ====================================================================
from      kind       bytes
========  =========  ====================================================================
parent    START      cloudpickled dict: search path, initializer and its arguments
parent    JOB        a packed task call
parent    CANCEL     the running call is to stop
parent    QUIT       end, in good order
child     READY      ready for the first job
child     BROKEN     text: the initializer failed
child     LIMIT      a double: seconds until the running attempt's deadline; NaN: none
child     STATE      the packed final state of the call
child     FAULT      text: the call could not be made, and nothing was recorded
========  =========  ====================================================================
"""

from __future__ import annotations

import socket
import struct
import threading
import time

START, JOB, CANCEL, QUIT = b"S", b"J", b"C", b"Q"
READY, BROKEN, LIMIT, STATE, FAULT = b"R", b"B", b"L", b"F", b"E"

_HEAD = struct.Struct("<Qc")
_CHUNK = 1 << 20


class Channel:
    """One end of the socket. Several threads may send; one receives."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray()
        self._sending = threading.Lock()

    def send(self, kind: bytes, content: bytes = b"") -> None:
        """Send a frame.

        Raises:
            OSError: the other end is gone.
        """
        head = _HEAD.pack(len(content), kind)
        with self._sending:
            if len(content) < _CHUNK:
                self._socket.sendall(head + content)
            else:
                self._socket.sendall(head)
                self._socket.sendall(content)

    def receive(self, until: float | None = None) -> tuple[bytes, bytes]:
        """Wait for the next frame.

        Args:
            until: `time.monotonic()` at which to give up; what has arrived of a frame is kept.

        Raises:
            TimeoutError: no whole frame came in time.
            EOFError: the other end is gone.
        """
        buffer = self._buffer
        while True:
            if len(buffer) >= _HEAD.size:
                length, kind = _HEAD.unpack_from(buffer)
                end = _HEAD.size + length
                if len(buffer) >= end:
                    content = bytes(memoryview(buffer)[_HEAD.size : end])
                    del buffer[:end]
                    return kind, content
            self._socket.settimeout(None if until is None else max(0.001, until - time.monotonic()))
            try:
                more = self._socket.recv(_CHUNK)
            except TimeoutError:
                raise
            except OSError:
                more = b""
            if not more:
                raise EOFError("the other end is gone")
            buffer += more

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
