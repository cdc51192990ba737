"""DBOS on an SQLite database in the sample's home, as its own documentation starts it."""

import os

from dbos import DBOS, DBOSConfig

PATH = os.path.join(os.environ["BENCH_HOME"], "dbos.sqlite")
CONFIG: DBOSConfig = {"name": "bench", "system_database_url": f"sqlite:///{PATH}", "run_admin_server": False}


def configure() -> None:
    """Tell DBOS where its database lies; the script calls `DBOS.launch()` when its functions are known."""
    DBOS(config=CONFIG)
