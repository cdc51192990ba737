"""Extract, transform, load: three tasks, of which the first is retried."""

import json
import urllib.request
from pathlib import Path
from typing import Any

from levada import flow, task


@task(retries=3, retry_delay_seconds=5)
def fetch_data(url: str) -> list[dict[str, Any]]:
    """Read JSON from an URL."""
    with urllib.request.urlopen(url) as response:
        rows: list[dict[str, Any]] = json.load(response)
        return rows


@task
def transform_data(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep what is priced, in whole cents."""
    return [{**row, "cents": round(row["price"] * 100)} for row in data if row.get("price") is not None]


@task
def load_data(data: list[dict[str, Any]]) -> None:
    """Pretend to load."""
    print(f"Loaded {len(data)} records")


@flow(name="etl-pipeline", log_prints=True)
def etl_flow(api_url: str) -> list[dict[str, Any]]:
    """The pipeline."""
    raw_data = fetch_data(api_url)
    transformed = transform_data(raw_data)
    load_data(transformed)
    return transformed


if __name__ == "__main__":
    source = Path(__file__).with_name("data") / "prices.json"
    etl_flow(source.as_uri())
