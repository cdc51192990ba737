"""Two servers that reach their PostgreSQL through PgBouncer in transaction mode, with fewer sessions than they want."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from levada.client.http import RemotePlane, Transport
from levada.core.states import StateType
from levada.testing import eventually
from levada.wire.changes import NewFlowRun
from levada.wire.filters import FlowRunQuery, TaskRunQuery
from levada.wire.pools import ClaimRequest, PoolSpec
from tests.integration.servers import free_port, serving
from tests.postgres import PostgresServer, unavailable
from tests.postgres_keeper import account

SESSIONS = 3
FLOWS, TASKS = 6, 40

FLOW = f"""
from levada import flow, task

@task
def step(number):
    print("step", number)
    return number

@flow(log_prints=True)
def many():
    return sum(step.map(range({TASKS})).result())

many()
"""


@pytest.fixture
def bouncer_url(own_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        unavailable("no PgBouncer: install the package pgbouncer")
        return
    port = free_port()
    # Beside the database's own files, where the user that PostgreSQL runs as may read.
    settings = own_postgres.folder / "pgbouncer.ini"
    settings.write_text(
        f"""[databases]
* = host={own_postgres.folder} user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {SESSIONS}
"""
    )
    settings.chmod(0o644)
    with _running([program, str(settings)], port):
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/", **account())

    def answers() -> bool:
        if process.poll() is not None:
            assert process.stdout is not None
            raise RuntimeError(process.stdout.read().decode())
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    try:
        eventually(answers, timeout=30)
        yield
    finally:
        process.kill()
        process.communicate()


def _plane(port: int) -> RemotePlane:
    return RemotePlane(Transport(f"http://127.0.0.1:{port}/api"))


def test_flows_report_and_workers_hear_of_runs_through_pooled_transactions(
    bouncer_url: str, tmp_path: Path, levada_home: Path
) -> None:
    del levada_home
    script = tmp_path / "many.py"
    script.write_text(FLOW)
    env = {"LEVADA_DATABASE_URL": bouncer_url, "LEVADA_DATABASE_PREPARED_STATEMENTS": "false"}
    with serving(env=env) as one, serving(env=env) as other, _plane(one.port) as plane, _plane(other.port) as beside:

        def execute(number: int) -> int:
            from_where = one if number % 2 else other
            home = tmp_path / str(number)
            home.mkdir()
            told = {"LEVADA_HOME": str(home), "LEVADA_API_URL": f"http://127.0.0.1:{from_where.port}/api"}
            return subprocess.run([sys.executable, script], env=told, capture_output=True, timeout=120).returncode

        with ThreadPoolExecutor(FLOWS) as together:
            assert list(together.map(execute, range(FLOWS))) == [0] * FLOWS
        eventually(
            lambda: (
                plane.flow_run_state_counts(FlowRunQuery()) == {StateType.COMPLETED: FLOWS}
                and beside.count_task_runs(TaskRunQuery()) == FLOWS * TASKS
            ),
            timeout=60,
        )

        plane.create_work_pool(PoolSpec(name="press"))
        answers = []
        waiting = threading.Thread(
            target=lambda: answers.append(beside.claim("press", ClaimRequest(worker=uuid4(), name="w", wait=25.0)))
        )
        waiting.start()
        made = plane.create_flow_run(NewFlowRun(flow_name="paper", work_pool_name="press"))
        waiting.join(60)
        assert [order.run for order in answers[0].orders] == [made.id]
