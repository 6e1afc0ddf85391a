"""``python -m weir.cli``: the same as the ``weir`` script."""

from __future__ import annotations

import sys

from weir.cli import main

if __name__ == "__main__":
    sys.exit(main())
