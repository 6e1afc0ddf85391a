"""How this process asks the system for memory, and gives it back: glibc's malloc, which Python has below its own.

As it comes, malloc makes a heap for each of weir's thirty threads, and once a body of megabytes was freed it takes the
next ones out of those heaps, which are then full of holes: the process holds what it needed at its busiest, several
times over. Nothing here changes what weir keeps; elsewhere than on glibc it does nothing.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

__all__ = ["frugal", "give_back"]

_MIB = 1024 * 1024
# By glibc's number (malloc.h), each with the variable by which an operator says otherwise, and the value. Python code
# allocates under one lock, so that two heaps are enough; what has a mapping of its own goes back when it is freed.
_SETTINGS = (
    (-8, "MALLOC_ARENA_MAX", 2),
    (-3, "MALLOC_MMAP_THRESHOLD_", _MIB),
    (-1, "MALLOC_TRIM_THRESHOLD_", 8 * _MIB),
)


def _glibc(name: str) -> Callable[..., int] | None:
    """A function of the C library, if that is glibc."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return None
    function: Callable[..., int] = getattr(library, name)
    return function


def frugal() -> bool:
    """Set malloc, before there are threads; False where there is no glibc. What the environment sets stays."""
    mallopt = _glibc("mallopt")
    if mallopt is None:
        return False
    tuned = os.environ.get("GLIBC_TUNABLES", "")
    return all(
        mallopt(number, value)
        for number, variable, value in _SETTINGS
        if variable not in os.environ and "glibc.malloc." not in tuned
    )


def give_back() -> bool:
    """Give the system what malloc holds and nobody uses; some milliseconds, never on the event loop.

    False when there was nothing, or no glibc.
    """
    trim = _glibc("malloc_trim")
    return trim is not None and bool(trim(ctypes.c_size_t(0)))
