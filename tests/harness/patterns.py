"""Compiled patterns outlive the engines of a test, in every worker: the next test mostly wants the same ones.

Compiling all rules takes most of a second of a processor; what one worker has compiled the others read.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from pathlib import Path

import hyperscan

from weir.dlp.core.compiled import Compiled

__all__ = ["Kept"]

_KEPT_MAX = 40  # some two megabytes each
_SHARED_MIN = 100  # expressions; fewer are compiled as fast


class Kept(dict[bytes, Compiled]):
    """By digest, in memory, and what is large in ``folder`` too, when that is given."""

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()
        self.folder = folder

    def __setitem__(self, digest: bytes, made: Compiled) -> None:
        self._keep(digest, made)
        path = self._path(digest)
        if path is None or made.database is None or len(made.accepted) < _SHARED_MIN or path.exists():
            return
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            pickle.dump((hyperscan.dumpb(made.database), made.accepted), file)
        os.replace(file.name, path)  # noqa: PTH105

    def get(self, digest: bytes, default: Compiled | None = None) -> Compiled | None:  # type: ignore[override]
        made = super().get(digest)
        path = self._path(digest)
        if made is None and path is not None and path.exists():
            database, accepted = pickle.loads(path.read_bytes())
            made = Compiled(hyperscan.loadb(database, hyperscan.HS_MODE_BLOCK), accepted)
            self._keep(digest, made)
        return default if made is None else made

    def _keep(self, digest: bytes, made: Compiled) -> None:
        while len(self) >= _KEPT_MAX:
            del self[next(iter(self))]
        super().__setitem__(digest, made)

    def _path(self, digest: bytes) -> Path | None:
        return None if self.folder is None else self.folder / digest.hex()
