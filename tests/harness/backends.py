"""A backend of secrets that says what a test tells it to."""

from __future__ import annotations

from weir.keys.held import Fetched

__all__ = ["Backend"]


class Backend:
    """Gives what it is told to: a secret, or an error."""

    def __init__(self, answer: Fetched | Exception) -> None:
        self.answer = answer
        self.asked = 0

    def __call__(self) -> Fetched:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer
