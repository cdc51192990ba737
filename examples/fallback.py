"""A failed task raises where it is called, so a flow can catch it and do something else."""

from levada import flow, get_run_logger, task


@task
def risky_task() -> str:
    """Never works."""
    raise RuntimeError("the warehouse is closed")


@task
def fallback_task() -> str:
    """Works always."""
    return "yesterday's numbers"


@flow
def resilient_flow() -> str:
    """Try, and fall back."""
    logger = get_run_logger()
    try:
        result = risky_task()
    except Exception as e:
        logger.error("Task failed: %s", e)
        result = fallback_task()
    return result


@resilient_flow.on_completion
def tell(flow, flow_run, state) -> None:  # type: ignore[no-untyped-def]
    """A hook: called when the run completes."""
    print(f"{flow.name} ended as {state.name}: {flow_run.name}")


if __name__ == "__main__":
    print(resilient_flow())
