"""What authors call works on a server as it does at home: reading back, variables, slots, going on with runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from levada import flow, get_client, recovery, task
from levada.artifacts import Artifact, create_markdown_artifact
from levada.concurrency.sync import concurrency
from levada.core.errors import ConcurrencySlotAcquisitionError, VariableExistsError
from levada.core.states import StateType
from levada.engine import session as sessions
from levada.runtime import flow_run
from levada.settings import refresh_settings
from levada.variables import Variable
from tests.contract.planes import Pair, pair


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    with pair(tmp_path / "server", None) as made:
        monkeypatch.setenv("LEVADA_API_URL", made.url)
        refresh_settings()
        yield made
        session = sessions.replace(None)
        if session is not None:
            session.close()  # says goodbye to the server while there is one


class TestAuthors:
    def test_a_run_reads_back_what_it_wrote_a_moment_ago(self, server: Pair, levada_home: Path) -> None:
        @flow
        def writes() -> tuple[object, str | None]:
            create_markdown_artifact("# here", key="mine")
            found = Artifact.get("mine")
            with get_client(sync_client=True) as client:
                return found and found.data, client.read_flow_run(flow_run.id).state_name

        assert writes() == ("# here", "Running")
        assert not (levada_home / "levada.db").exists()

    def test_a_run_that_just_ended_is_seen_as_it_ended(self, server: Pair) -> None:
        @task
        def one() -> int:
            return 1

        @flow
        def counts() -> int:
            return one() + one()

        counts()
        with get_client(sync_client=True) as client:
            (found,) = client.read_flow_runs()
            assert (found.flow_name, found.state_type) == ("counts", StateType.COMPLETED)
            assert client.count_task_runs(flow_run_ids=[found.id]) == 2
            assert [log.message for log in client.read_logs(flow_run_ids=[found.id])]

    async def test_the_client_for_async_code_asks_the_server(self, server: Pair) -> None:
        async with get_client() as client:
            assert server.url in await client.hello()
            assert await client.api_healthcheck() is None
            assert await client.read_flow_runs() == []

    def test_a_run_is_forked_from_what_the_server_holds(self, server: Pair) -> None:
        calls: list[int] = []

        @task
        def dear(number: int) -> int:
            calls.append(number)
            return number

        @flow
        def adds() -> int:
            return dear(1) + dear(2)

        adds()
        with get_client(sync_client=True) as client:
            (found,) = client.read_flow_runs()
        forked = recovery.fork(found.id, flow=adds)
        assert (forked.state.result(), forked.reused, calls) == (3, 2, [1, 2])

    def test_variables_are_the_servers(self, server: Pair) -> None:
        Variable.set("place", {"a": [1]})
        assert Variable.get("place") == {"a": [1]}
        assert server.here.variables.count() == 1
        with pytest.raises(VariableExistsError, match="overwrite"):
            Variable.set("place", 2)
        Variable.unset("place")
        assert Variable.get("place", default="none") == "none"

    def test_slots_are_the_servers(self, server: Pair) -> None:
        server.here.limits.create("api", 1)

        @flow
        def holds() -> list[int]:
            with concurrency("api", 1):
                return [server.here.limits.read("api").active_slots]

        assert holds() == [1]
        assert server.here.limits.read("api").active_slots == 0
        with pytest.raises(ConcurrencySlotAcquisitionError, match="'missing'"), concurrency("missing", 1):
            pass
