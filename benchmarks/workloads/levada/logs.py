"""Lines logged by one task."""

from stopwatch import clocked, count, report

from levada import flow, get_run_logger, task


@task
def talk(lines: int) -> dict[str, float]:
    """Log line after line."""
    logger = get_run_logger()
    return clocked(lines, lambda number: logger.info("line %d", number))


@flow
def talkative(lines: int) -> dict[str, float]:
    """Run the one task."""
    return talk(lines)


if __name__ == "__main__":
    report(**talkative(count()))
