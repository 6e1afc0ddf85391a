"""The policy's section ``audit`` for a process beside the proxy: read at the start, and again when the file changes."""

from __future__ import annotations

from pathlib import Path

from weir.sections_audit import Audit

__all__ = ["PolicyFile"]


class PolicyFile:
    """A policy file that may change at any time. A change with mistakes in it changes nothing, as in the proxy.

    ``known``: whether the file has been read: before that ``audit`` is what a policy without such a section says, and
    nobody knows how long its owner wants what kept.
    """

    def __init__(self, path: Path | None, *, patient: bool = False) -> None:
        """Without a path there is nothing to know. Raises PolicyError, OSError; ``patient``: ``refresh`` tells of it,
        and takes the file when it has become good."""
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._told = ""  # why it could not be read at the last look
        self.audit, self.known = Audit(), False
        if path is not None and not patient:
            self._seen = _state(path)
            self.audit, self.known = _load(path), True

    @property
    def unread(self) -> bool:
        """Whether there is a file and what it says is not known."""
        return self._path is not None and not self.known

    def refresh(self) -> str:
        """Read the file again if it changed; why its change was not taken, told once, or nothing."""
        if self._path is None:
            return ""
        from weir.settings import PolicyError

        try:
            state = _state(self._path)
            if state == self._seen:
                return ""
            self._seen = state
            self.audit, self.known, self._told = _load(self._path), True, ""
        except PolicyError as error:
            return self._not_taken(error)
        except OSError as error:  # it may pass without a change of the file
            self._seen, before = None, self._told
            self._told = self._not_taken(error)
            return "" if self._told == before else self._told
        return ""

    def _not_taken(self, error: Exception) -> str:
        assert self._path is not None
        return f"{self._path.name} is not taken ({type(error).__name__}); weir check tells more"


def _state(path: Path) -> tuple[int, int, int]:
    info = path.stat()
    return info.st_mtime_ns, info.st_size, info.st_ino


def _load(path: Path) -> Audit:
    from weir import settings

    return settings.load(path).audit
