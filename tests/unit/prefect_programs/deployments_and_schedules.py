"""Deployments, schedules, steps and storages, as files of both generations write them."""

import asyncio
from datetime import timedelta

from prefect import aserve, deploy, flow, serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.deployments import Deployment, run_deployment
from prefect.deployments.runner import RunnerDeployment
from prefect.deployments.steps import git_clone, run_shell_script
from prefect.deployments.steps.core import run_steps
from prefect.runner.storage import GitRepository
from prefect.schedules import Cron, Interval, RRule
from prefect.server.schemas.schedules import CronSchedule
from prefect.types.entrypoint import EntrypointType


@flow
def my_flow(name: str = "all"):
    # Flow logic
    pass


if __name__ == "__main__":
    deployment = Deployment.build_from_flow(
        flow=my_flow,
        name="production-deployment",
        schedule=CronSchedule(cron="0 0 * * *"),
        work_pool_name="default-agent-pool",
    )
    assert deployment.apply()

    async def awaited():
        return await deployment.apply(), await run_deployment("my-flow/production-deployment", timeout=0)

    identifier, run = asyncio.run(awaited())
    assert run.deployment_id == identifier

    newer = my_flow.to_deployment(
        name="several",
        schedules=[
            Cron("0 6 * * *", timezone="America/New_York"),
            Interval(timedelta(minutes=10), slug="often"),
            RRule("FREQ=WEEKLY;BYDAY=MO"),
        ],
        tags=["prod"],
        parameters={"name": "some"},
        concurrency_limit=ConcurrencyLimitConfig(limit=2, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        entrypoint_type=EntrypointType.FILE_PATH,
    )
    assert isinstance(newer, RunnerDeployment.__mro__[1])
    assert deploy(newer, work_pool_name="default-agent-pool", print_next_steps_message=False)
    older = RunnerDeployment.from_flow(my_flow, "older", schedule=IntervalSchedule(interval=timedelta(hours=1)))
    assert older.schedules[0].timing.seconds == 3600
    assert run_deployment("my-flow/several", timeout=0, parameters={"name": "none"}).name
    assert GitRepository(url="https://github.com/team/flows.git", branch="main").to_pull_step()
    found = run_steps([{"prefect.deployments.steps.run_shell_script": {"id": "said", "script": "echo hi"}}])
    assert found["said"]["stdout"] == "hi"
    assert all(callable(one) for one in (git_clone, run_shell_script, serve, aserve))
    print("done")
