"""What a shipper and a server say to each other: batches of records one way, acknowledgement and commands the other.

`POST /api/ingest` carries an `IngestBatch` as MessagePack (``application/msgpack``, ``Content-Encoding: gzip`` when
that is worth it) and answers with an `IngestAnswer`. A batch may be sent any number of times, and batches of one
writer in any order: the tables come out the same. A batch without records is a sign of life.
"""

from __future__ import annotations

from msgspec import Struct

COMMANDS = ("cancel", "suspend", "fenced")
"""What a server may ask of a writer: end a run, let it go at the next safe place, or stop it because it is lost."""


class IngestBatch(Struct, array_like=True):
    """Records of one writer, as they stand in its journal."""

    writer: bytes
    records: list[tuple[int, bytes]] = []
    """Sequence number in the writer's stream, and the record's own MessagePack (`levada.wire.records`), as bytes, so
    that a damaged one damages no other."""
    host: str = ""
    pid: int = 0
    levada: str = ""
    ended: bool = False
    """The process is gone and these are its last records: what it left open has crashed."""
    closing: bool = False
    """The process says goodbye in good order: nothing more will come, and nothing is open that it knows of."""
    running: list[tuple[bytes, int]] = []
    """Flow runs that execute in the process at this moment, with the epoch it owns each in: commands are about these,
    and are repeated until a run is no longer among them."""
    seen: int = 0
    """With `ended`: when the process last wrote something, microseconds since 1970 by its own clock; 0 when unknown."""


class Command(Struct, array_like=True):
    """Something a writer is asked to do with a run that it owns."""

    kind: str
    """One of `COMMANDS`."""
    run: bytes
    task: bytes | None = None
    """Only this task run of it."""
    reason: str = ""
    """For people: who asked, or what happened."""


class NewestWord(Struct):
    """Whether a process should ask what it is to do; `GET /api/ingest/words/{writer}` answers so."""

    number: int
    """Of the newest word for it; there is something to hear when it is higher than that of the answer before."""


class IngestAnswer(Struct, array_like=True):
    """What a server says to a batch, after its transaction was committed."""

    received: int = 0
    """Highest sequence number of the batch; everything in it is stored, but for what was `refused`."""
    commands: list[Command] = []
    lease_seconds: float = 20.0
    """Seconds of silence after which the writer counts as gone."""
    renew_seconds: float = 5.0
    """Seconds after which it should say something."""
    slow_down: float = 0.0
    """Seconds to wait before the next batch: the server has more to do than it can."""
    refused: list[tuple[int, str]] = []
    """Sequence numbers of records that are damaged, each with what is wrong; they are not stored, all others are."""
