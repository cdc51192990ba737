"""Lines written through the standard library's `logging`, to a file and to the console."""

import logging
import tempfile

from stopwatch import clocked, count, report

with tempfile.NamedTemporaryFile() as file:
    logger = logging.getLogger("bench")
    logger.setLevel(logging.INFO)
    for handler in (logging.FileHandler(file.name), logging.StreamHandler()):
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        logger.addHandler(handler)
    report(**clocked(count(), lambda number: logger.info("line %d", number)))
