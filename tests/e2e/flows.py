"""Flows with which the page is filled: they end in every way there is, and look like work that people know."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Literal

from levada import flow, get_run_logger, task
from levada.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from levada.concurrency import concurrency

_NEVER = threading.Event()
_CHART = (
    "data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg' width='320' height='120'>"
    "<rect width='320' height='120' fill='%23eef'/>"
    "<polyline fill='none' stroke='%230f766e' stroke-width='3' points='0,100 60,70 120,84 180,40 240,52 320,12'/></svg>"
)


@task(tags=["extract"])
def list_orders(shop: str) -> list[int]:
    get_run_logger().info("Shop %s has orders.", shop)
    return list(range(6))


@task(retries=2)
def fetch_order(shop: str, number: int) -> dict[str, object]:
    log = get_run_logger()
    log.debug("GET /shops/%s/orders/%s", shop, number)
    if number == 3:
        log.warning("Order %s of %s came without a customer; it is kept under 'unknown'.", number, shop)
    return {"shop": shop, "order": number, "units": number * 7 % 5 + 1}


@task(tags=["warehouse"])
def store(rows: list[dict[str, object]]) -> int:
    with concurrency("warehouse"):
        print(f"\x1b[32m{len(rows)} rows\x1b[0m stored")
        return len(rows)


@flow
def shop_orders(shop: str) -> list[dict[str, object]]:
    """Orders of one shop."""
    return fetch_order.map(shop, list_orders(shop)).result()


@task
def report(rows: list[dict[str, object]], day: str) -> None:
    create_markdown_artifact(
        f"# Orders of {day}\n\n**{len(rows)} orders** were loaded.\n\n| shop | orders |\n"
        "|---|---|\n| faro | 6 |\n| porto | 6 |\n\n"
        "```mermaid\nflowchart LR\n  shops --> orders --> warehouse\n```\n",
        key="orders-report",
        description="What was loaded, by shop",
    )
    create_table_artifact(rows, key="orders", description="Every order that was loaded")
    create_link_artifact("https://example.com/dashboards/orders", link_text="Orders in the dashboard", key="dashboard")
    create_image_artifact(_CHART, key="orders-chart", description="Orders by hour")
    done = create_progress_artifact(0.0, key="orders-upload")
    update_progress_artifact(done, 100.0)


@flow(log_prints=True, retries=1)
def nightly_orders(day: str = "2026-11-22", shops: list[str] | None = None) -> int:
    """Orders of all shops into the warehouse, every night.

    Args:
        day: whose orders.
        shops: only these; all when none is named.
    """
    print(f"Orders of {day}")
    rows = [row for shop in shops or ["faro", "porto"] for row in shop_orders(shop)]
    stored = store(rows)
    report(rows, day)
    return stored


@flow(log_prints=True)
def train_model(
    model: Literal["linear", "boosted"] = "boosted", learning_rate: float = 0.1, since: datetime | None = None
) -> float:
    """Train the forecast of sales anew.

    Args:
        model: which kind.
        learning_rate: how fast, above 0.
        since: only sales after this.
    """
    print(f"Training a {model} model since {since}, rate {learning_rate}")
    return round(1 / (1 + learning_rate), 3)


@task(retries=1)
def ask_rates(bank: str) -> float:
    get_run_logger().error("%s answered 503 Service Unavailable", bank)
    raise ConnectionError(f"{bank} does not answer: 503 Service Unavailable")


@flow
def exchange_rates(bank: str = "bank.example") -> float:
    """Rates of exchange; the bank is away."""
    return ask_rates(bank)


@task
def check(table: str, rows: int) -> str:
    if rows == 0:
        raise ValueError(f"Table {table} has no rows for today; the load before this has not run or found nothing.")
    return table


@flow
def check_tables(empty: bool = False) -> list[str]:
    """Whether the tables of today are filled."""
    checked = [
        check.submit(table, 0 if empty and table == "refunds" else 120) for table in ("orders", "refunds", "stock")
    ]
    return [one.result() for one in checked]


@task
def measure(sensor: int) -> int:
    return sensor * sensor


@flow
def sensors(count: int = 200) -> int:
    """Many small tasks."""
    return sum(measure.map(range(count)).result())


@task
def weigh(parcel: int) -> int:
    get_run_logger().info("Parcel %s is weighed", parcel)
    _NEVER.wait(0.02)
    return parcel % 30


@flow
def parcels(count: int = 5000) -> int:
    """Many tasks that take a moment, to be watched."""
    weight = sum(weigh.map(range(count)).result())
    get_run_logger().info("All %s parcels are weighed.", f"{count:,}")
    return weight


@task
def copy_part(number: int) -> int:
    log = get_run_logger()
    for step in range(1000):
        log.info("Part %s: %s of 1000 blocks copied", number, step)
        _NEVER.wait(2)
    return number


@flow
def copy_archive(parts: int = 2) -> None:
    """Copies for as long as it is let."""
    copy_part.map(range(parts)).wait()
