"""What is written to stderr: nobody else's words."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from weir.edge.process.said import SafeFormatter, quiet_logging


def logged(name: str, message: str, *arguments: Any, error: Exception | None = None) -> str:
    record = logging.LogRecord(name, logging.ERROR, "/x/place.py", 7, message, arguments, None)
    if error is not None:
        try:
            raise error
        except Exception as raised:  # noqa: BLE001
            record.exc_info = (type(raised), raised, raised.__traceback__)
    return SafeFormatter().format(record)


@pytest.mark.parametrize("name", ["mitmproxy.proxy.server", "asyncio", "presidio-analyzer", "weirdlib"])
def test_words_of_others_are_not_printed(name: str) -> None:
    text = logged(name, "canary %s", "canary", error=ValueError("canary"))
    assert "canary" not in text
    assert f"{name}: place:7" in text and "ValueError at test_said.py:" in text


def test_our_own_are_and_still_without_the_exceptions() -> None:
    text = logged("weir.guard", "hook failed: %s", "dlp.request", error=ValueError("canary"))
    assert "hook failed: dlp.request" in text and "canary" not in text


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root, own = logging.getLogger(), logging.getLogger("weir")
    before = root.handlers[:], root.level, own.level
    yield root
    root.handlers[:], own.level = before[0], before[2]
    root.setLevel(before[1])


def test_quiet_logging(root_logger: logging.Logger) -> None:
    quiet_logging()
    assert [type(h.formatter) for h in root_logger.handlers] == [SafeFormatter]
    assert logging.getLogger("weir.drain").isEnabledFor(logging.INFO)
    assert not logging.getLogger("mitmproxy").isEnabledFor(logging.WARNING)
    assert not logging.getLogger("asyncio").isEnabledFor(logging.ERROR)
