"""The pipeline: pages of flights, extracted with retries, cleaned beside each other, checked, loaded, reported."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

from levada import fail, flow, get_run_logger, on, task, unmapped
from levada.artifacts import create_markdown_artifact, create_table_artifact
from levada.cache_policies import INPUTS
from levada.core.errors import LevadaError

Page = dict[str, Any]
COLUMNS = ("day", "carrier", "origin", "dest", "dep_delay", "arr_delay", "distance")


class DataRejectedError(LevadaError):
    """The data is not what the source promised."""


def is_refusal(error: BaseException) -> bool:
    """Whether the server said no for good: asking again would not help."""
    return isinstance(error, HTTPError) and 400 <= error.code < 500


def get(url: str) -> Any:
    """Read JSON over HTTP."""
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


@task(retries=5, retry_delay_seconds=0.1)
def count_flights(base_url: str) -> dict[str, int]:
    """Ask how many there are."""
    found: dict[str, int] = get(f"{base_url}/count")
    return found


@task(
    task_run_name="extract-page-{page}",
    retries=8,
    retry_delay_seconds=0.05,
    retry=[on(is_refusal, fail), on((URLError, HTTPException, ConnectionError))],
    cache_policy=INPUTS - "base_url",
    cache_expiration=timedelta(days=1),
)
def extract(page: int, base_url: str) -> Page:
    """Fetch one page; a page that was fetched today is not asked for again."""
    found: Page = get(f"{base_url}/flights?page={page}")
    return found


@task(cache_policy=INPUTS, cache_expiration=timedelta(days=1))
def clean(page: Page) -> list[tuple[Any, ...]]:
    """Numbers as numbers, days as days; flights that never left have no delays."""
    at = {name: position for position, name in enumerate(page["columns"])}
    return [
        (
            f"{row[at['year']]}-{int(row[at['month']]):02d}-{int(row[at['day']]):02d}",
            row[at["carrier"]],
            row[at["origin"]],
            row[at["dest"]],
            number(row[at["dep_delay"]]),
            number(row[at["arr_delay"]]),
            int(row[at["distance"]]),
        )
        for row in page["rows"]
    ]


def number(text: str) -> float | None:
    """A number as the source writes it; NA when there is none."""
    return None if text == "NA" else float(text)


@task
def check(pages: list[list[tuple[Any, ...]]], promised: int) -> int:
    """Count, and refuse to load anything if a row is missing.

    Raises:
        DataRejectedError: the number of rows is not what the source said.
    """
    found = sum(len(page) for page in pages)
    if found != promised:
        raise DataRejectedError(f"The source promised {promised} flights and gave {found}.")
    return found


@task
def load(pages: list[list[tuple[Any, ...]]], database: Path, checked: int) -> int:
    """Replace the table in one transaction, so that readers see the old flights or the new ones."""
    connection = sqlite3.connect(database)
    try:
        with connection:
            connection.execute("DROP TABLE IF EXISTS flights")
            connection.execute(f"CREATE TABLE flights ({', '.join(COLUMNS)})")
            for page in pages:
                connection.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?, ?, ?)", page)
        stored: int = connection.execute("SELECT count(*) FROM flights").fetchone()[0]
    finally:
        connection.close()
    if stored != checked:
        raise DataRejectedError(f"{checked} flights were checked and {stored} are in the database.")
    return stored


@task
def report(database: Path, stored: int) -> list[dict[str, Any]]:
    """Say what came in: a table of carriers, and a page with a chart of the months."""
    connection = sqlite3.connect(database)
    try:
        carriers = connection.execute(
            "SELECT carrier, count(*), round(avg(dep_delay), 1) FROM flights GROUP BY carrier ORDER BY 2 DESC LIMIT 5"
        ).fetchall()
        months = connection.execute("SELECT substr(day, 6, 2), count(*) FROM flights GROUP BY 1 ORDER BY 1").fetchall()
    finally:
        connection.close()
    table = [{"carrier": name, "flights": flights, "mean delay (min)": delay} for name, flights, delay in carriers]
    create_table_artifact(table, key="busiest-carriers", description="The five carriers with most flights")
    chart = (
        '```mermaid\nxychart-beta\n  title "Flights by month"\n'
        f"  x-axis [{', '.join(month for month, _ in months)}]\n"
        f"  bar [{', '.join(str(flights) for _, flights in months)}]\n```"
    )
    create_markdown_artifact(
        f"# Flights from New York\n\n{stored:,} flights were loaded.\n\n{chart}\n",
        key="flights-report",
        description="What the last load brought",
    )
    return table


@flow(name="flights-etl")
def flights_etl(base_url: str, database: Path) -> dict[str, Any]:
    """Load all flights that the endpoint has."""
    promised = count_flights(base_url)
    pages = -(-promised["flights"] // promised["page"])
    get_run_logger().info("The source has %d flights on %d pages", promised["flights"], pages)
    raw = extract.map(range(pages), unmapped(base_url))
    cleaned = clean.map(raw)
    checked = check(cleaned, promised["flights"])
    stored = load(cleaned, database, checked)
    carriers = report(database, stored)
    return {"flights": stored, "pages": pages, "busiest": carriers[0]}
