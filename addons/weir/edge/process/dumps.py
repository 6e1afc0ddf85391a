"""No copy of this process's memory leaves it: it holds real keys, and everything that people ask.

A crash writes no core, neither to a file nor to a program that collects them; other processes of the same account can't
attach to it, nor read its memory and environment. What is swapped out the system has to encrypt: memory is not locked.
"""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys

__all__ = ["forbid_dumps"]

# Linux writes no file that is smaller than a page, and takes 1, and not 0, as "none" for collecting programs too.
_NONE = 1
_PR_SET_DUMPABLE = 4


def forbid_dumps() -> bool:
    """Forbid dumps of this process and of all that it starts from now on; False where the system has no such thing.

    Attaching is forbidden for this process alone, and on Linux alone: starting a program allows it again.
    """
    with contextlib.suppress(ValueError, OSError):  # the hard limit is 0 already
        resource.setrlimit(resource.RLIMIT_CORE, (_NONE, _NONE))
    if not sys.platform.startswith("linux"):
        return False
    status: int = ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return status == 0
