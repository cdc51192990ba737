"""``python -m levada.compat.prefect FILE [ARGUMENTS]``, or ``-m MODULE [ARGUMENTS]``."""

from __future__ import annotations

import runpy
import sys

from levada.compat.prefect.importer import install

USAGE = """usage: python -m levada.compat.prefect FILE.py [ARGUMENTS …]
       python -m levada.compat.prefect -m MODULE [ARGUMENTS …]

Run a program that imports prefect, on Levada, unchanged."""


def main() -> None:
    """Run the file or module that the command line names."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        raise SystemExit(0 if arguments else 2)
    install()
    if arguments[0] == "-m":
        if len(arguments) < 2:
            print(USAGE, file=sys.stderr)
            raise SystemExit(2)
        sys.argv = arguments[1:]
        sys.path.insert(0, "")
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()
