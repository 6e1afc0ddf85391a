"""Runs `weir` after some Python of a test's own: ``python prepared.py run --policy …``, with it in ``WEIR_TEST_FIRST``.

For the product's own fixed times: what is to happen after seconds or an hour is then seen at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder: it has a module called weir


def main() -> None:
    """Run it, then the command line."""
    exec(os.environ["WEIR_TEST_FIRST"], {})
    from weir import cli

    cli.main()


if __name__ == "__main__":
    main()
