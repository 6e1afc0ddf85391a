"""What every receiver has in common that takes rows over HTTP: 2xx is its word that it has them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from weir.audit.exports.row import Row
from weir.audit.exports.senders.http import Http
from weir.audit.exports.senders.target import Refusals, without

__all__ = ["Posting"]


class Posting(ABC):
    """A ``Target`` over HTTP. Who derives from it says in ``_send`` how rows are sent."""

    settle_s, settle_rows = 0.0, 1

    def __init__(self, http: Http) -> None:
        self._http = http
        self._proven = False  # it has taken something: what it refuses now is the fault of a row

    def deliver(self, rows: Sequence[Row]) -> Refusals:
        """As in ``Target``."""
        refused = without(rows, self._send, self._proven)
        self._proven = self._proven or len(refused) < len(rows)
        return refused

    def settle(self) -> None:  # noqa: B027  # HTTP has nothing to settle, and so most who derive from it
        """Nothing to wait for: an answer of 2xx is the receiver's word."""

    def close(self) -> None:
        """As in ``Target``."""
        self._http.close()

    @abstractmethod
    def _send(self, rows: Sequence[Row]) -> Refusals:
        """Send all of them at once; those that cannot be formatted or were refused. Raises Refused, Unavailable."""
