"""Lines logged by one step: DBOS writes them to the console and does not store them."""

from dbos import DBOS
from sqlite import configure
from stopwatch import clocked, count, report

configure()


@DBOS.step()
def talk(lines: int) -> dict[str, float]:
    """Log line after line."""
    return clocked(lines, lambda number: DBOS.logger.info("line %d", number))


@DBOS.workflow()
def talkative(lines: int) -> dict[str, float]:
    """Run the one step."""
    return talk(lines)


if __name__ == "__main__":
    DBOS.launch()
    report(**talkative(count()))
    DBOS.destroy()
