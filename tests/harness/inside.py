"""Runs `weir` on another machine: ``python inside.py NAMESPACE run …`` steps into a network namespace first."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder: it has a module called weir


def main() -> None:
    """Take the namespace off the arguments, step into it, run the command line."""
    with Path(sys.argv.pop(1)).open() as place:
        os.setns(place.fileno(), os.CLONE_NEWNET)  # before there is any other thread

    from weir import cli

    cli.main()


if __name__ == "__main__":
    main()
