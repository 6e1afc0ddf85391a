"""What weir writes to stderr: its own messages, and of other libraries only where they come from."""

from __future__ import annotations

import logging

__all__ = ["SafeFormatter", "quiet_logging"]


class SafeFormatter(logging.Formatter):
    """Says where an error came from and of which class it is. Messages of other libraries may quote content."""

    def format(self, record: logging.LogRecord) -> str:
        own = record.name == "weir" or record.name.startswith("weir.")
        text = record.getMessage() if own else f"{record.name}: {record.module}:{record.lineno}"
        if record.exc_info and record.exc_info[0]:
            from weir.edge.guard import places  # with it comes mitmproxy, which not every process has

            text += f" ({record.exc_info[0].__name__} at {places(record.exc_info[2])})"
        return f"{self.formatTime(record)} {record.levelname.lower()} {text}"


def quiet_logging(level: int = logging.INFO) -> None:
    """Our own messages from `level`, everybody else's from ERROR on and without their words."""
    handler = logging.StreamHandler()
    handler.setFormatter(SafeFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.ERROR)
    logging.getLogger("weir").setLevel(level)
    for noisy in ("presidio-analyzer", "presidio_analyzer", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
