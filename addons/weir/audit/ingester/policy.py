"""The policy's section ``audit`` for a process beside the proxy: read at the start, and again when the file changes."""

from __future__ import annotations

from pathlib import Path

from weir.sections_audit import Audit

__all__ = ["PolicyFile"]


class PolicyFile:
    """A policy file that may change at any time. A change with mistakes in it changes nothing, as in the proxy."""

    def __init__(self, path: Path | None) -> None:
        """Without a path: what a policy without a section ``audit`` says. Raises PolicyError, OSError."""
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self.audit = Audit()
        if path is not None:
            self._seen = _state(path)
            self.audit = _load(path)

    def refresh(self) -> str:
        """Read the file again if it changed; why its change was not taken, told once, or nothing."""
        from weir.settings import PolicyError

        if self._path is None:
            return ""
        try:
            state = _state(self._path)
            if state == self._seen:
                return ""
            self._seen = state
            self.audit = _load(self._path)
        except (OSError, PolicyError) as error:
            return f"{self._path.name} is not taken ({type(error).__name__}); weir check tells more"
        return ""


def _state(path: Path) -> tuple[int, int, int]:
    info = path.stat()
    return info.st_mtime_ns, info.st_size, info.st_ino


def _load(path: Path) -> Audit:
    from weir import settings

    return settings.load(path).audit
