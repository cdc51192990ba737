import asyncio

from prefect import flow, get_client, task
from prefect.artifacts import (
    Artifact,
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.concurrency.asyncio import concurrency as aconcurrency
from prefect.concurrency.sync import concurrency, rate_limit
from prefect.variables import Variable


@task
def report():
    create_markdown_artifact(key="report", markdown="# Hello", description="A report")
    create_table_artifact(key="table", table=[{"a": 1, "b": 2}])
    create_link_artifact(key="link", link="http://x", link_text="here")
    create_image_artifact(key="image", image_url="http://x/y.png")
    progress = create_progress_artifact(progress=0.0, description="p")
    update_progress_artifact(artifact_id=progress, progress=50.0)
    return progress


@flow
def sync_flow():
    Variable.set("city", "Funchal", overwrite=True)
    assert Variable.get("city") == "Funchal"
    assert Variable.get("missing", default="x") == "x"
    report()
    with concurrency("db", occupy=1):
        pass
    rate_limit("rate")
    Variable.unset("city")
    assert Variable.get("city") is None


@flow
async def async_flow():
    await Variable.set("city", {"a": [1]}, overwrite=True)
    assert await Variable.get("city") == {"a": [1]}
    await create_markdown_artifact(key="async", markdown="x")
    async with aconcurrency("db", occupy=1):
        pass


async def limits():
    async with get_client() as client:
        await client.create_global_concurrency_limit(name="db", limit=2)


if __name__ == "__main__":
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name("db", 2)
        client.upsert_global_concurrency_limit_by_name("rate", 2, slot_decay_per_second=10)
    sync_flow()
    asyncio.run(async_flow())
    assert Artifact.get("report").data == "# Hello"
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs()
        assert {run.state.name for run in runs} == {"Completed"}
    print("done")
