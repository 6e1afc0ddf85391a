"""``python -m weir.demo.tether MODULE …``: run a module that ends with its parent, even one that was killed.

The parent holds the other end of stdin. When that closes, the process gets a SIGTERM from itself.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from collections.abc import Sequence

__all__ = ["main"]


def _watch() -> None:
    while os.read(0, 4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


def main(arguments: Sequence[str]) -> None:
    """Run the module that stands first in ``arguments`` as ``python -m`` would, with the others as its arguments."""
    threading.Thread(target=_watch, name="tether", daemon=True).start()
    module, *others = arguments
    sys.argv = [module, *others]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
