"""``python -m levada.execution ORDER``: execute a flow run; see the package."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from levada.core.errors import LevadaError
from levada.execution.hooks import tell_hooks
from levada.execution.orders import NOT_EXECUTED, execute, read_order

ORDER_VARIABLE = "_LEVADA_ORDER"
"""Names the order for a command that passes no arguments on; not a setting."""


def main(arguments: list[str]) -> int:
    """Execute what the arguments name; gives the exit code.

    ``--hooks STATE`` before the order: only call the hooks for that state, which the run's own process could not.
    """
    state = None
    if arguments[:1] == ["--hooks"] and len(arguments) > 1:
        state, arguments = arguments[1], arguments[2:]
    place = arguments[0] if arguments else os.environ.get(ORDER_VARIABLE)
    if place is None:
        sys.stderr.write("levada: python -m levada.execution needs the file of an order.\n")
        return 2
    try:
        order = read_order(Path(place))
        return execute(order, Path(place).parent) if state is None else tell_hooks(order, state)
    except LevadaError as error:
        sys.stderr.write(f"levada: {error}\n")
        return NOT_EXECUTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
