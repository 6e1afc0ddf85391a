"""The command line. ``main`` is what the ``weir`` script calls; every command group has a file of its own."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in ``arguments`` (default: the process's own); the exit code, 0 fine, 1 failed, 2 wrong usage."""
    from weir.cli.app import start  # here, so that importing one command's module does not import all of them

    return start(arguments)
