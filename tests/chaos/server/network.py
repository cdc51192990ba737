"""A network between flows and servers: a proxy that knows where requests begin and end, and what to do to them.

It hands requests to its servers in turn, passes over those that refuse, and by chance loses requests, loses or cuts
answers, repeats batches at once, sends them again much later, and makes others wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

INGEST = b"POST /api/ingest"
PATIENCE = 60.0


@dataclass(frozen=True)
class Weather:
    """Shares of requests to which something happens.

    Attributes:
        lost: the connection breaks; half of these before the server gets the request, half after it has answered.
        cut: the answer breaks off in the middle.
        delayed: it takes up to `longest` seconds more.
        repeated: a batch arrives twice at once.
        late: a batch arrives once more, up to `longest` seconds later and so behind newer ones.
    """

    lost: float = 0.0
    cut: float = 0.0
    delayed: float = 0.0
    repeated: float = 0.0
    late: float = 0.0
    longest: float = 1.0


CLEAR = Weather()
STORM = Weather(lost=0.2, cut=0.03, delayed=0.1, repeated=0.1, late=0.1)


class Network:
    """The proxy; it runs in a thread.

    Attributes:
        ports: of the servers, in turn.
        weather: may be changed at any time.
        swallows: requests that come now are never answered, and nobody says so.
        happened: how often what was done.
        answered: moments (`time.monotonic`) at which a client got an answer that says all is well.
    """

    def __init__(self, ports: Sequence[int], weather: Weather = CLEAR) -> None:
        self.ports = list(ports)
        self.weather = weather
        self.swallows = False
        self.happened: Counter[str] = Counter()
        self.answered: list[float] = []
        self.port = 0
        self._random = Random(3)
        self._turn = 0
        self._at_work: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(PATIENCE)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=1024, limit=1 << 20)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at_work = asyncio.current_task()
        assert at_work is not None
        self._at_work.add(at_work)  # asyncio itself holds on to it only weakly
        at_work.add_done_callback(self._at_work.discard)
        try:
            request = await _request(reader)
            answer = None if request is None else await self._carry(request)
            if answer is not None:
                writer.write(answer)
                await writer.drain()
                if answer.startswith(b"HTTP/1.1 2"):
                    self.answered.append(time.monotonic())
        except (OSError, asyncio.IncompleteReadError):
            self.happened["client left"] += 1
        except asyncio.CancelledError:
            pass  # the network ends; asyncio would call it an error of the protocol
        finally:
            writer.close()

    async def _carry(self, request: bytes) -> bytes | None:
        weather, chance = self.weather, self._random.random
        fate = chance()
        self.happened["requests"] += 1
        if self.swallows:
            self.happened["swallowed"] += 1
            await self._over.wait()
        if chance() < weather.delayed:
            self.happened["delayed"] += 1
            await asyncio.sleep(chance() * weather.longest)
        if fate < weather.lost / 2:
            self.happened["requests lost"] += 1
            return None
        if request.startswith(INGEST):
            if chance() < weather.repeated:
                self.happened["repeated"] += 1
                await self._forward(request)
            if chance() < weather.late:
                self.happened["late"] += 1
                again = asyncio.create_task(self._again(request, chance() * weather.longest))
                self._at_work.add(again)
                again.add_done_callback(self._at_work.discard)
        answer = await self._forward(request)
        if fate < weather.lost:
            self.happened["answers lost"] += 1
            return None
        if answer and chance() < weather.cut:
            self.happened["cut"] += 1
            return answer[: len(answer) // 2]
        return answer or None

    async def _again(self, request: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._forward(request)

    async def _forward(self, request: bytes) -> bytes | None:
        """What the first server that takes the connection answers; nothing when it breaks, or none is there."""
        for _ in self.ports:
            self._turn += 1
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[self._turn % len(self.ports)])
            except OSError:
                self.happened["refused"] += 1
                continue
            try:
                writer.write(request)
                await writer.drain()
                return await reader.read(-1)
            except OSError:
                self.happened["broken by a server"] += 1
                return None
            finally:
                writer.close()
        return None


async def _request(reader: asyncio.StreamReader) -> bytes | None:
    """One whole request that asks to close the connection after it; None when no more comes."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = head[:-4].split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0)
    kept = [line for line in lines if not line.lower().startswith((b"connection:", b"keep-alive:"))]
    return b"\r\n".join([*kept, b"Connection: close", b"", b""]) + await reader.readexactly(length)


@contextlib.contextmanager
def network(ports: Sequence[int], weather: Weather = CLEAR) -> Iterator[Network]:
    """A network for as long as the block lasts."""
    made = Network(ports, weather)
    try:
        yield made
    finally:
        made.close()
