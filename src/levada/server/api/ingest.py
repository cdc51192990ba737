"""Records over HTTP: what shippers post; see `levada.wire.ingest`."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import Parameter

from levada.server.api.answers import answers
from levada.server.pattern import INGEST, WAITING, ThePlane
from levada.server.rendering import Answer
from levada.server.requests import MSGPACK, decoded
from levada.server.words import Words
from levada.wire.ingest import IngestBatch, NewestWord

LONGEST_WAIT: Final = 30.0
"""Seconds for which an answer is held back."""


@post(
    "/ingest",
    operation_id="take_in",
    opt=INGEST,
    summary="Take records in",
    status_code=200,
    responses=answers(200, "`levada.wire.ingest.IngestAnswer`, as MessagePack.", bytes, 409, 413, media_type=MSGPACK),
    sync_to_thread=True,
)
def take_in(plane: ThePlane, body: bytes) -> Answer:
    """Take a batch of journal records in: `levada.wire.ingest.IngestBatch` as MessagePack, gzipped or not.

    A batch may be sent any number of times and in any order. The answer comes after the commit; it renews the lease
    of the writer and says which runs it is to cancel, to suspend, or to stop because they are lost.
    """
    return Answer(plane.take_in(decoded(body, IngestBatch, packed=True)), media_type=MSGPACK)


@get(
    "/ingest/words/{writer:uuid}",
    operation_id="await_word",
    opt=WAITING,
    summary="Wait for a word",
    responses=answers(200, "Its number; `after` when there was none.", NewestWord),
)
async def await_word(
    writer: UUID,
    request: Request[Any, Any, Any],
    after: Annotated[int, Parameter(description="The number that the last answer gave; 0 at first.")] = 0,
    wait: Annotated[float, Parameter(description="Seconds for which the answer is held back; 30 are the most.")] = 25.0,
) -> NewestWord:
    """Wait until something was decided about runs that a process executes; it then hears what with its next batch."""
    words: Words = request.app.state["words"]
    return NewestWord(await words.wait(writer.hex, after, wait if 0 <= wait <= LONGEST_WAIT else LONGEST_WAIT))


router = Router("/", route_handlers=[take_in, await_word], tags=["Ingest"])
