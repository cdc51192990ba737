"""Records over HTTP: what shippers post; see `levada.wire.ingest`."""

from __future__ import annotations

from litestar import Router, post

from levada.server.api.answers import answers
from levada.server.pattern import INGEST, ThePlane
from levada.server.rendering import Answer
from levada.server.requests import MSGPACK, decoded
from levada.wire.ingest import IngestBatch


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


router = Router("/", route_handlers=[take_in], tags=["Ingest"])
