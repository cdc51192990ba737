"""`python -m levada.cli` is the command `levada`."""

from __future__ import annotations

from levada.cli.main import main

if __name__ == "__main__":
    main()
