from __future__ import annotations

import base64
import time
from types import SimpleNamespace
from typing import Any

import pytest

from harness import papers
from weir.edge.parts import WEIGHED_CHARS_MAX, WEIGHED_TEXTS_MAX, is_light, read_files
from weir.model import Attachment, Endpoint, Exchange, Inspection, Segment
from weir.sections import Dlp


def exchange(*files: Attachment, texts: tuple[str, ...] = ()) -> Exchange:
    segments = tuple(Segment(f"/{n}", "user", text) for n, text in enumerate(texts))
    return Exchange(Endpoint("s", "d", "chat"), "m", False, segments, files)


def trace(found: Exchange | None, failed: str = "") -> Any:
    settings = SimpleNamespace(dlp=Dlp())
    return SimpleNamespace(
        exchange=found,
        failed=failed,
        inspection=Inspection.INSPECTED,
        reason="",
        snapshot=SimpleNamespace(settings=settings),
    )


@pytest.mark.parametrize(
    ("found", "light"),
    [
        (exchange(texts=("x",)), True),
        (exchange(texts=("x" * (WEIGHED_CHARS_MAX + 1),)), False),
        (exchange(texts=("x",) * (WEIGHED_TEXTS_MAX + 1)), False),
        (exchange(Attachment("/a", b"x")), False),
    ],
)
def test_what_the_loop_may_look_at(found: Exchange, light: bool) -> None:
    assert is_light(found) is light


def test_files_become_texts_of_the_trace() -> None:
    one = trace(exchange(Attachment("/a", papers.PNG + b"a readable caption")))
    read_files(one, time.monotonic() + 60)
    assert (one.inspection, one.reason) == (Inspection.PARTIAL, "image")
    assert any("a readable caption" in segment.text for segment in one.exchange.segments)


def test_what_failed_before_stays_told() -> None:
    one = trace(exchange(Attachment("/a", papers.PNG)), failed="identity")
    one.inspection, one.reason = Inspection.FAILED, "identity"
    read_files(one, time.monotonic() + 60)
    assert (one.inspection, one.reason) == (Inspection.FAILED, "identity")


def test_the_time_is_kept() -> None:
    one = trace(exchange(Attachment("/a", papers.pdf("x"))))
    read_files(one, time.monotonic())
    assert (one.inspection, one.reason) == (Inspection.FAILED, "file: out of time")


def test_nothing_to_read() -> None:
    for found in (None, exchange()):
        one = trace(found)
        read_files(one, 0)
        assert one.exchange is found


def test_documents_within_texts_are_no_work_for_the_loop() -> None:
    coded = base64.b64encode(papers.docx("alder-brook-4711-cedar")).decode()
    found = exchange(texts=(f"This is it: {coded}",))
    assert not is_light(found)
    one = trace(found)
    read_files(one, time.monotonic() + 60)
    assert any("alder-brook" in segment.text for segment in one.exchange.segments), one.reason
