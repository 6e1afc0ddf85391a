"""What an addon does again and again beside the exchanges: no surprise in one step ends it."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from weir.edge.guard import places

__all__ = ["Net"]


class Net:
    """Around one step of a loop: an exception in it is told to ``tell`` (a logger's method), and swallowed.

    Only its class and where it was raised are told, as its text may quote anything, and only when that is another than
    that of the step before. What cancels a task passes.
    """

    def __init__(self, tell: Callable[..., None], what: str) -> None:
        self._tell, self._what = tell, what
        self._told = ""

    def __enter__(self) -> None:
        """Nothing has to be made ready."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> bool:
        """Swallow what is an error of the step."""
        if not isinstance(error, Exception):
            self._told = "" if error is None else self._told
            return False
        said = f"{type(error).__name__} at {places(where)}"
        if said != self._told:
            self._told = said
            self._tell("%s: %s", self._what, said)
        return True
