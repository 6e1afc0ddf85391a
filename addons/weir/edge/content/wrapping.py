"""The keys that open kept texts: from the policy's secret backend, or from a file of the data directory.

Who answers here is the one place that both the proxy and the offline commands ask.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from weir.audit.content.kek import KeyRing, KeyRingError, load
from weir.datadir import DataDir
from weir.keys.secrets import SecretUnavailable, source

__all__ = ["Wrapping", "key_file", "ring_of"]

_FILE = "content.keys"
HOLD_S = 5.0  # new data keys come with every new conversation: a backend is not asked for each
STALE_S = 3600.0  # a backend that is down does not stop those who have its answer


def key_file(data: Path) -> Path:
    """Where the wrapping keys are when the policy names no backend."""
    return data / "secrets" / _FILE


def ring_of(data: Path, reference: str | None, *, create: bool = False) -> KeyRing:
    """The wrapping keys, asked for now; may block. ``create``: make a file of them when there is none.

    Raises KeyRingError; it quotes no key.
    """
    if reference is None:
        return load(DataDir(data).secrets / _FILE if create else key_file(data), create=create)
    try:
        return KeyRing.parse(source(reference)().value)
    except SecretUnavailable as error:
        raise KeyRingError(f"audit.content.key: {error}") from None
    except KeyRingError as error:
        raise KeyRingError(f"audit.content.key: what the reference yields {error}") from None


class Wrapping:
    """Asks for the wrapping keys as the writer of texts needs them, from any thread, no more often than need be."""

    def __init__(self, data: Path, reference: str | None, *, mono: Callable[[], float] = time.monotonic) -> None:
        self.reference = reference
        self._data, self._mono = data, mono
        self._lock = threading.Lock()
        self._ring: KeyRing | None = None
        self._asked = self._good = 0.0

    def __call__(self) -> KeyRing:
        """The keys as they were seconds ago; as they were up to an hour ago while their backend gives no answer.

        Raises KeyRingError.
        """
        with self._lock:
            now = self._mono()
            if self._ring is not None and now - self._asked < HOLD_S:
                return self._ring
            try:
                self._ring, self._good = ring_of(self._data, self.reference, create=True), now
            except KeyRingError:
                if self._ring is None or now - self._good > STALE_S:
                    raise
            self._asked = now
            return self._ring

    def renewed(self) -> KeyRing:
        """The keys as they are now: those at hand are from before a rotation. Raises KeyRingError."""
        with self._lock:
            self._asked = float("-inf")
        return self()

    def __repr__(self) -> str:
        return "Wrapping(hidden)"
