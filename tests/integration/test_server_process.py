"""`levada server` as people use it: processes, ports, signals, files in the home."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from levada.server.presence import running
from levada.server.process import LAST_REQUESTS_SECONDS
from levada.store.migrations.standing import HEAD
from levada.testing import eventually
from tests.integration.servers import Server, children_of, free_port, levada, serving
from tests.migration.homes import home_of_0001


@pytest.fixture
def _no_server_left(levada_home: Path):
    yield
    for one in running(levada_home):
        os.kill(one.pid, signal.SIGKILL)


def test_a_server_starts_answers_and_ends_in_good_order_on_sigterm(levada_home) -> None:
    with serving() as server:
        said = server.until_said("serves at")
        assert f"http://127.0.0.1:{server.port}" in said
        assert server.ask("GET", "/api/ready")[0] == 200
        assert server.ask("GET", "/api/version")[2]["version"]
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 8
        assert "Traceback" not in server.rest()
    assert running(levada_home) == []


def test_ctrl_c_ends_it_without_a_traceback() -> None:
    with serving() as server:
        assert server.stop(signal.SIGINT) == 0
        assert "Traceback" not in server.rest()


@pytest.mark.usefixtures("_no_server_left")
def test_it_begins_in_the_background_says_where_it_is_and_is_stopped(levada_home) -> None:
    port = free_port()

    started = levada("server", "start", "--background", f"--port={port}")
    assert started.returncode == 0, started.stderr
    assert f"http://127.0.0.1:{port}" in started.stdout
    assert (levada_home / "server" / "server.log").exists()

    status = levada("server", "status", "--wait", "-o", "json")
    assert status.returncode == 0, status.stderr
    found = json.loads(status.stdout)
    assert found["ready"]
    assert found["port"] == port
    assert found["database"] == "sqlite"

    stopped = levada("server", "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert levada("server", "status").returncode == 1
    again = levada("server", "stop")
    assert again.returncode == 1
    assert "No server runs" in again.stderr


@pytest.mark.usefixtures("_no_server_left")
def test_what_goes_wrong_at_the_start_in_the_background_is_told_at_once(levada_home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        failed = levada("server", "start", "--background", f"--port={taken.getsockname()[1]}")
    assert failed.returncode == 1
    assert "is taken by another process" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_taken_port_is_said_in_a_sentence_with_whose_it_is() -> None:
    with serving() as server:
        ours = levada("server", "start", f"--port={server.port}")
        assert ours.returncode == 1
        assert f"by the Levada server of this home, process {server.process.pid}" in ours.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        foreign = levada("server", "start", f"--port={taken.getsockname()[1]}")
    assert foreign.returncode == 1
    assert "is taken by another process" in foreign.stderr
    assert len(foreign.stderr.splitlines()) == 1


def test_a_home_with_sqlite_has_one_server_of_one_process() -> None:
    with serving() as server:
        second = levada("server", "start", f"--port={free_port()}")
        assert second.returncode == 1
        assert f"runs already, at http://127.0.0.1:{server.port}" in second.stderr
    several = levada("server", "start", "--workers=2")
    assert several.returncode == 1
    assert "2 processes need PostgreSQL" in several.stderr


def test_a_killed_server_leaves_nothing_that_keeps_the_next_from_starting(levada_home) -> None:
    with serving() as server:
        assert [one.port for one in running(levada_home)] == [server.port]
        server.stop(signal.SIGKILL)
        assert running(levada_home) == []
    with serving(port=server.port) as again:
        assert again.ask("GET", "/api/ready")[0] == 200


def test_an_old_database_is_upgraded_at_the_start(levada_home) -> None:
    file = levada_home / "levada.db"
    levada_home.mkdir(parents=True)
    home_of_0001(file)
    with serving() as server:
        assert server.ask("GET", "/api/ready")[0] == 200
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)


def test_requests_at_work_are_finished_before_the_end() -> None:
    with serving() as server:
        # A body that is sent in two parts, the second after the server was told to stop.
        body = b'{"limit": 5}'
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            head = f"POST /api/flow_runs/filter HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[:4])
            server.ask("GET", "/api/health")  # by now the first part is there
            server.process.send_signal(signal.SIGTERM)
            eventually(lambda: _refuses(server.port))
            connection.sendall(body[4:])
            answer = connection.recv(65536)
        assert b"200 OK" in answer.splitlines()[0]
        assert server.process.wait(30) == 0


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except ConnectionRefusedError:
        return True
    return False


def test_beyond_this_machine_it_wants_a_key_or_a_password_or_to_be_told_aloud() -> None:
    refused = levada("server", "start", "--host=0.0.0.0", f"--port={free_port()}")
    assert refused.returncode == 1
    assert "ask nobody who they are" in refused.stderr
    assert "Traceback" not in refused.stderr

    with serving("--host=0.0.0.0", "--allow-unauthenticated") as server:
        assert "WARNING" in server.until_said("serves at")
        assert server.ask("GET", "/api/flows")[0] == 200

    with serving("--host=0.0.0.0", env={"LEVADA_SERVER_AUTH_STRING": "ann:secret"}) as server:
        assert server.ask("GET", "/api/flows")[0] == 401
        known = {"authorization": "Basic YW5uOnNlY3JldA=="}
        assert server.ask("GET", "/api/flows", headers=known)[0] == 200


def test_a_key_made_by_the_command_opens_a_server_that_runs(levada_home) -> None:
    with serving() as server:
        assert server.ask("GET", "/api/flows")[0] == 200
        made = levada("server", "api-key", "create", "ci", "--scope", "read")
        assert made.returncode == 0, made.stderr
        key = made.stdout.strip()
        assert key.startswith("lvd_")
        assert key not in (levada_home / "levada.db").read_bytes().decode("latin-1")

        eventually(lambda: server.ask("GET", "/api/flows")[0] == 401)
        known = {"authorization": f"Bearer {key}"}
        assert server.ask("GET", "/api/flows", headers=known)[0] == 200
        assert server.ask("DELETE", "/api/variables/x", headers=known)[0] == 403

        listed = json.loads(levada("server", "api-key", "ls", "-o", "json").stdout)
        assert [one["name"] for one in listed] == ["ci"]
        assert key not in json.dumps(listed)

        assert levada("server", "api-key", "revoke", "ci", "--yes").returncode == 0
        eventually(lambda: server.ask("GET", "/api/flows", headers=known)[0] == 401)


def test_services_can_run_without_answering(levada_home) -> None:
    listed = levada("server", "services", "ls", "-o", "json")
    assert listed.returncode == 0, listed.stderr
    assert {"outbox", "lease-reconciler"} <= {one["name"] for one in json.loads(listed.stdout)}


def test_a_home_that_cannot_be_written_is_said_in_a_sentence(tmp_path) -> None:
    file = tmp_path / "file"
    file.touch()
    failed = levada("server", "start", env={"LEVADA_HOME": str(file / "home")})
    assert failed.returncode == 1
    assert "cannot be written" in failed.stderr
    assert "Traceback" not in failed.stderr


class TestSeveralProcesses:
    """`--workers` on PostgreSQL."""

    def test_they_answer_together_and_one_that_dies_is_replaced(self, postgres_url, levada_home) -> None:
        with serving("--workers=2", env={"LEVADA_DATABASE_URL": postgres_url}) as server:
            server.until_said("serves at")
            first = set(eventually(lambda: children_of(server.process.pid)))
            assert len(first) == 2
            assert [one.pid for one in running(levada_home)] == [server.process.pid]

            victim = min(first)
            os.kill(victim, signal.SIGKILL)
            eventually(lambda: len(set(children_of(server.process.pid)) - {victim}) == 2)
            assert eventually(lambda: server.ask("GET", "/api/ready")[0] == 200)
            assert "is started anew" in server.until_said("is started anew")

            assert server.stop() == 0
            assert all(not Path(f"/proc/{pid}").exists() for pid in first)

    def test_children_end_with_their_parent(self, postgres_url) -> None:
        with serving("--workers=2", env={"LEVADA_DATABASE_URL": postgres_url}) as server:
            children = eventually(lambda: children_of(server.process.pid))
            server.stop(signal.SIGKILL)
            eventually(lambda: all(not Path(f"/proc/{pid}").exists() for pid in children))


class TestDatabaseAway:
    """PostgreSQL that is not there, at the start or in the middle."""

    def test_a_server_waits_for_it_at_the_start(self, own_postgres) -> None:
        url = own_postgres.url()
        own_postgres.stop()
        server = Server(env={"LEVADA_DATABASE_URL": url})
        try:
            said = server.until_said("Waiting for the database")
            assert "Traceback" not in said
            own_postgres.start()
            server.wait()
            assert server.ask("GET", "/api/ready")[0] == 200
        finally:
            server.close()

    def test_in_the_middle_it_says_503_and_recovers_by_itself(self, own_postgres) -> None:
        env = {"LEVADA_DATABASE_URL": own_postgres.url(), "LEVADA_DATABASE_CONNECT_TIMEOUT": "1"}
        with serving(env=env) as server:
            assert server.ask("GET", "/api/flows")[0] == 200
            own_postgres.stop()
            status, headers, problem = server.ask("GET", "/api/flows")
            assert status == 503
            assert int(headers["retry-after"]) >= 1
            assert problem["type"] == "urn:levada:store-unavailable"
            assert server.ask("GET", "/api/ready")[0] == 503
            assert server.ask("GET", "/api/health")[0] == 200
            own_postgres.start()
            eventually(lambda: server.ask("GET", "/api/flows")[0] == 200)
            assert server.ask("GET", "/api/ready")[0] == 200


def test_clients_that_go_away_in_the_middle_harm_nobody() -> None:
    with serving() as server:

        def leave() -> None:
            for _ in range(20):
                connection = socket.create_connection(("127.0.0.1", server.port))
                connection.sendall(
                    b"POST /api/flow_runs/filter HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{"
                )
                connection.close()

        leavers = [threading.Thread(target=leave) for _ in range(4)]
        for one in leavers:
            one.start()
        for one in leavers:
            one.join()
        assert server.ask("POST", "/api/flow_runs/filter", {})[0] == 200
        assert server.stop() == 0
        assert "Traceback" not in server.rest()


def test_streams_end_when_the_server_stops() -> None:
    with serving() as server, socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(b"GET /api/events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"text/event-stream" in connection.recv(65536)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        while connection.recv(65536):
            pass
        assert server.process.wait(30) == 0
        assert time.monotonic() - began < LAST_REQUESTS_SECONDS  # it was not cut off


def test_keys_are_made_through_the_api_where_a_server_is_named() -> None:
    with serving() as server:
        first = levada("server", "api-key", "create", "root").stdout.strip()
        eventually(lambda: server.ask("GET", "/api/flows")[0] == 401)
        remote = {"LEVADA_API_URL": f"http://127.0.0.1:{server.port}/api", "LEVADA_API_MAX_RETRIES": "0"}
        elsewhere = {**remote, "LEVADA_HOME": os.devnull + "/none"}
        refused = levada("server", "api-key", "create", "ci", env=elsewhere)
        assert refused.returncode == 1
        assert "LEVADA_API_KEY" in refused.stderr
        made = levada("server", "api-key", "create", "ci", "--scope=read", env={**elsewhere, "LEVADA_API_KEY": first})
        assert made.returncode == 0, made.stderr
        known = {"authorization": f"Bearer {made.stdout.strip()}"}
        assert server.ask("GET", "/api/flows", headers=known)[0] == 200
