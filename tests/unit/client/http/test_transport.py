"""What is sent, what is sent again, and which errors answers become; against a server that answers by the book."""

from __future__ import annotations

import base64
import gzip
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
from msgspec import json, msgpack

from levada.client.http import RemotePlane, Transport
from levada.core import errors
from levada.core.states import StateType
from levada.wire.changes import NewFlowRun, ProposedState
from levada.wire.ingest import IngestAnswer, IngestBatch
from levada.wire.problems import FieldProblem, Problem

RUN = UUID(int=7)
LOST = "lost"
"""An answer that never arrives: the connection ends instead."""


class Asked:
    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method, self.path, self.headers, self.body = method, path, headers, body


class Book:
    """A server that gives one answer after the other, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[Asked] = []
        book = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                said = {name.lower(): value for name, value in self.headers.items()}
                book.asked.append(Asked(self.command, self.path, said, body))
                given = book.answers.pop(0)
                if given == LOST:
                    self.close_connection = True
                    return
                status, content, headers = given
                self.send_response(status)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def will(self, status: int = 200, value: Any = None, content: bytes | None = None, **headers: str) -> None:
        said = {name.replace("_", "-"): text for name, text in headers.items()}
        self.answers.append((status, json.encode(value) if content is None else content, said))

    def refuse(self, status: int, kind: str, detail: str = "So it is.", **headers: str) -> None:
        problem = Problem(type=f"urn:levada:{kind}", status=status, detail=detail, fields=[FieldProblem("$.a", "bad")])
        self.will(status, problem, content_type="application/problem+json", **headers)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(5)


@pytest.fixture
def book() -> Iterator[Book]:
    made = Book()
    yield made
    made.close()


@pytest.fixture
def transport(book: Book) -> Iterator[Transport]:
    made = Transport(book.url, max_retries=2, timeout=5)
    yield made
    made.close()


class TestWhatIsSent:
    def test_a_key_goes_before_a_password(self, book: Book) -> None:
        for given, wanted in (
            ({"key": "k", "auth_string": "a:b"}, "Bearer k"),
            ({"auth_string": "a:b"}, "Basic " + base64.b64encode(b"a:b").decode()),
            ({}, None),
        ):
            book.will(value=1)
            asking = Transport(book.url, **given)
            asking.ask("GET", "/x", int)
            asking.close()
            assert book.asked[-1].headers.get("authorization") == wanted

    def test_large_batches_are_compressed(self, book: Book, transport: Transport) -> None:
        batch = IngestBatch(b"w" * 16, [(1, b"x" * 10_000)])
        book.will(content=msgpack.encode(IngestAnswer(1)), content_type="application/msgpack")
        assert transport.ingest(batch).received == 1
        asked = book.asked[0]
        assert (asked.headers["content-encoding"], asked.headers["content-type"]) == ("gzip", "application/msgpack")
        assert msgpack.decode(gzip.decompress(asked.body), type=IngestBatch) == batch

    def test_compressed_answers_are_read(self, book: Book, transport: Transport) -> None:
        book.will(content=gzip.compress(b'"text"'), content_encoding="gzip")
        assert transport.ask("GET", "/x", str) == "text"

    @pytest.mark.parametrize("url", ["", "nothing", "ftp://x/api", "http://", "http://x/api?y=1"])
    def test_an_address_that_is_none_is_refused(self, url: str) -> None:
        with pytest.raises(errors.ConfigurationError, match="LEVADA_API_URL"):
            Transport(url)

    def test_a_forked_child_opens_connections_of_its_own(self, book: Book, transport: Transport) -> None:
        book.will(value="here")
        assert transport.ask("GET", "/x", str) == "here"
        book.will(value="child")
        receiving, sending = multiprocessing.get_context("fork").Pipe(duplex=False)
        child = multiprocessing.get_context("fork").Process(
            target=lambda: sending.send(transport.ask("GET", "/x", str))
        )
        child.start()
        assert receiving.poll(20)
        assert receiving.recv() == "child"
        child.join(10)
        receiving.close()
        sending.close()
        book.will(value="here again")
        assert transport.ask("GET", "/x", str) == "here again"


class TestWhatIsSentAgain:
    @pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
    def test_a_request_that_may_be_repeated_is(self, book: Book, transport: Transport, status: int) -> None:
        book.will(status)
        book.will(value=1)
        assert transport.ask("POST", "/x", int) == 1
        assert len(book.asked) == 2

    def test_a_lost_answer_is_asked_for_again(self, book: Book, transport: Transport) -> None:
        book.answers.append(LOST)
        book.will(value=1)
        assert transport.ask("POST", "/x", int) == 1
        assert len(book.asked) == 2

    def test_what_counts_twice_is_not_sent_twice(self, book: Book, transport: Transport) -> None:
        book.answers.append(LOST)
        with pytest.raises(errors.ServerUnavailable):
            transport.ask("POST", "/x", int, once=True)
        book.will(502)
        with pytest.raises(errors.ServerUnavailable):
            transport.ask("POST", "/x", int, once=True)
        assert len(book.asked) == 2

    def test_what_the_server_sent_away_is_sent_again_even_then(self, book: Book, transport: Transport) -> None:
        book.refuse(503, "store-unavailable", retry_after="0")
        book.will(value=1)
        assert transport.ask("POST", "/x", int, once=True) == 1

    def test_records_are_sent_once_and_the_shipper_is_told_how_long_to_wait(
        self, book: Book, transport: Transport
    ) -> None:
        book.refuse(429, "too-many-requests", retry_after="3")
        with pytest.raises(errors.TooManyRequests) as caught:
            transport.ingest(IngestBatch(b"w" * 16))
        assert caught.value.retry_after == 3.0  # type: ignore[attr-defined]
        assert len(book.asked) == 1

    def test_a_run_whose_answer_was_lost_is_made_once(self, book: Book, transport: Transport) -> None:
        book.answers.append(LOST)
        book.will(201, {"id": str(RUN), "name": "n", "flow_name": "f"})
        assert RemotePlane(transport).create_flow_run(NewFlowRun(flow_name="f")).id == RUN
        first, second = (json.decode(asked.body)["idempotency_key"] for asked in book.asked)
        assert first == second

    def test_a_wish_whose_answer_was_lost_keeps_its_name(self, book: Book, transport: Transport) -> None:
        book.answers.append(LOST)
        book.will(value={"status": "accept"})
        RemotePlane(transport).set_flow_run_state(RUN, ProposedState(type=StateType.FAILED))
        first, second = (json.decode(asked.body)["transition_id"] for asked in book.asked)
        assert first == second


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "kind", "error"),
        [
            (404, "object-not-found", errors.ObjectNotFound),
            (409, "object-already-exists", errors.ObjectAlreadyExists),
            (409, "variable-exists-error", errors.VariableExistsError),
            (409, "transition-refused", errors.TransitionRefused),
            (409, "not-paused-error", errors.NotPausedError),
            (413, "request-too-large", errors.RequestTooLarge),
            (422, "configuration-error", errors.ConfigurationError),
            (401, "not-authenticated", errors.NotAuthenticated),
            (403, "not-permitted", errors.NotPermitted),
            (500, "internal-error", errors.ServerError),
        ],
    )
    def test_a_problem_becomes_the_error_it_was(
        self, book: Book, transport: Transport, status: int, kind: str, error: type[Exception]
    ) -> None:
        book.refuse(status, kind)
        with pytest.raises(error, match="So it is") as caught:
            transport.ask("GET", "/x", int)
        assert type(caught.value) is error

    def test_fields_that_cannot_be_used_are_named(self, book: Book, transport: Transport) -> None:
        book.refuse(422, "request-invalid")
        with pytest.raises(errors.RequestInvalid) as caught:
            transport.ask("GET", "/x", int)
        assert caught.value.fields == (("$.a", "bad"),)

    def test_a_key_that_is_not_known_says_what_to_do(self, book: Book, transport: Transport) -> None:
        book.refuse(401, "not-authenticated")
        with pytest.raises(errors.NotAuthenticated, match="levada server login"):
            transport.ask("GET", "/x", int)

    def test_a_server_that_is_away_is_named_with_how_to_start_one(self) -> None:
        away = Transport("http://127.0.0.1:1/api", max_retries=1)
        with pytest.raises(errors.ServerUnavailable) as caught:
            away.ask("GET", "/x", int)
        said = str(caught.value)
        assert "http://127.0.0.1:1/api" in said
        assert "tried 2 times: Failed to establish a new connection" in said
        assert "refused" in said
        assert "levada server start" in said

    def test_what_is_sent_once_was_not_tried_several_times(self) -> None:
        with pytest.raises(errors.ServerUnavailable) as caught:
            Transport("http://127.0.0.1:1/api").ingest(IngestBatch(b"w" * 16))
        assert "tried" not in str(caught.value)

    @pytest.mark.parametrize(
        "answer",
        [
            lambda book: book.refuse(404, "object-not-found", "There is nothing at this address; look it up."),
            lambda book: book.will(405, content=b""),
        ],
        ids=["path", "method"],
    )
    def test_a_verb_that_an_older_server_lacks_is_no_missing_thing(
        self, book: Book, transport: Transport, answer: Callable[[Book], None]
    ) -> None:
        answer(book)
        with pytest.raises(errors.ServerError, match="older"):
            transport.ask("DELETE", "/x")

    def test_something_else_that_answers_there_is_told(self, book: Book, transport: Transport) -> None:
        book.will(content=b"<html>")
        with pytest.raises(errors.ServerError, match="cannot be read"):
            transport.ask("GET", "/x", int)
        book.will(418, content=b"<html>", content_type="text/html")
        with pytest.raises(errors.ServerError, match="address of a Levada server"):
            transport.ask("GET", "/x", int)


class TestProxies:
    def test_the_environment_names_a_proxy_and_who_passes_it_by(
        self, book: Book, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", book.url.replace("http://", "http://me:secret@").removesuffix("/api"))
        by_proxy = Transport("http://elsewhere.invalid/api")
        book.will(value=1)
        assert by_proxy.ask("GET", "/x", int) == 1
        assert book.asked[0].path == "http://elsewhere.invalid/api/x"
        assert book.asked[0].headers["proxy-authorization"].startswith("Basic ")
        by_proxy.close()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        straight = Transport(book.url)
        book.will(value=2)
        assert straight.ask("GET", "/x", int) == 2
        assert book.asked[1].path == "/api/x"
        straight.close()
