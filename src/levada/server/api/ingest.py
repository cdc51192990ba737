"""Records over HTTP: what shippers post; see `levada.wire.ingest`."""

from __future__ import annotations

import zlib
from typing import Annotated

from litestar import Response, Router, post
from litestar.params import Parameter
from msgspec import DecodeError, ValidationError
from msgspec.msgpack import Decoder, Encoder

from levada.control.plane import ControlPlane
from levada.core.errors import RequestInvalid, RequestTooLarge
from levada.server.api.answers import answers
from levada.wire.ingest import IngestBatch

MSGPACK = "application/msgpack"

_decode = Decoder(IngestBatch).decode
_encode = Encoder().encode

_GZIP = 16 + zlib.MAX_WBITS


@post(
    "/ingest",
    operation_id="take_in",
    summary="Take records in",
    status_code=200,
    responses=answers(200, "`levada.wire.ingest.IngestAnswer`, as MessagePack.", bytes, 409, 413, media_type=MSGPACK),
    sync_to_thread=True,
    tags=["Ingest"],
)
def take_in(
    plane: ControlPlane,
    body: bytes,
    most_bytes: int,
    content_encoding: Annotated[str, Parameter(header="Content-Encoding", description="`gzip`, or none.")] = "",
) -> Response[bytes]:
    """Take a batch of journal records in: `levada.wire.ingest.IngestBatch` as MessagePack, gzipped or not.

    A batch may be sent any number of times and in any order. The answer comes after the commit; it renews the lease
    of the writer and says which runs it is to cancel, to suspend, or to stop because they are lost.
    """
    try:
        batch = _decode(_plain(body, content_encoding.strip().lower(), most_bytes))
    except (DecodeError, ValidationError) as problem:
        raise RequestInvalid(f"The body is no batch of records: {problem}.", (("$", str(problem)),)) from problem
    return Response(_encode(plane.take_in(batch)), media_type=MSGPACK)


def _plain(body: bytes, encoding: str, most: int) -> bytes:
    """The body as it was before it was compressed; never more than so many bytes of it."""
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise RequestInvalid(
            f"A body with Content-Encoding {encoding!r} cannot be read; send it gzipped, or as it is.",
            (("Content-Encoding", "must be `gzip` or absent"),),
        )
    stream = zlib.decompressobj(_GZIP)
    try:
        plain = stream.decompress(body, most + 1)
    except zlib.error as problem:
        raise RequestInvalid(f"The body is not gzip: {problem}.", (("$", "is not gzip"),)) from problem
    if len(plain) > most:
        raise RequestTooLarge(f"The body has more than {most} bytes when it is unpacked; send smaller batches.")
    if not stream.eof:
        raise RequestInvalid("The gzipped body ends too early.", (("$", "is cut off"),))
    return plain


router = Router("/", route_handlers=[take_in])
