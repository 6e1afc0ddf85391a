"""Reading a few lines, for the tests of formats."""

from __future__ import annotations

import tempfile
from pathlib import Path

from weir.logs.opening import open_log
from weir.logs.reading import Asked, Reading, read

__all__ = ["lines"]


def lines(format: str, *text: str | bytes) -> Reading:
    """What ``text``, each a line, comes to in ``format``; all hosts are kept, and so are all paths."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "log"
        path.write_bytes(b"\n".join(one.encode() if isinstance(one, str) else one for one in text))
        with open_log(path) as log:
            return read(log, Asked(format=format), Path(place))
