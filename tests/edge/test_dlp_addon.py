"""Findings in the request's texts; a scan that did not finish is never clean."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.rig import ADDRESS, CREDENTIAL, Rig, chat
from weir.dlp.addon import GLANCE_CHARS_MAX, GRACE_S, INLINE_CHARS_MAX, INLINE_S
from weir.dlp.core.engine import Scan
from weir.edge.parts import WEIGHED_CHARS_MAX, WEIGHED_TEXTS_MAX
from weir.edge.process.workers import WorkersTimeout
from weir.model import Inspection


class Engine:
    """Answers with a scan made beforehand, or fails."""

    slow = False

    def __init__(self, scan: Scan | Exception, chars: int = 0) -> None:
        self._scan, self._chars = scan, chars
        self.given: list[float] = []
        self.glances: list[int | None] = []

    def estimate_chars(self, segments: Any, enough: int = 0) -> int:
        return self._chars

    def scan(self, segments: Any, direction: str = "request", *, deadline_s: float, glance: int | None = None) -> Scan:
        self.given.append(deadline_s)
        self.glances.append(glance)
        if isinstance(self._scan, Exception):
            raise self._scan
        return self._scan


def with_engine(rig: Rig, engine: Engine) -> None:
    rig.state.snapshot = replace(rig.state.snapshot, engine=engine)  # type: ignore[arg-type]


@pytest.mark.parametrize("padding", [0, 4 * INLINE_CHARS_MAX])
def test_findings_here_and_in_a_worker(rig: Rig, padding: int) -> None:
    text = f"{'lorem ipsum ' * (padding // 12)} {ADDRESS} and {CREDENTIAL}"
    trace = rig.play(rig.flow(chat(text)), "requestheaders", "request", until="dlp")
    assert {f.detector for f in trace.findings} >= {"pii/EMAIL_ADDRESS"}
    assert any(f.detector.startswith("secret/") for f in trace.findings)
    assert trace.masker is not None and trace.conversation
    assert CREDENTIAL not in repr(trace.findings) and ADDRESS not in repr(trace.masker)


def test_clean_texts(rig: Rig) -> None:
    trace = rig.play(rig.flow(chat("what is a weir?")), "requestheaders", "request", until="dlp")
    assert trace.findings == () and trace.inspection is Inspection.INSPECTED


def test_a_scan_that_did_not_finish_is_failed(rig: Rig) -> None:
    with_engine(rig, Engine(Scan((), False, "out of time")))
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    assert (trace.inspection, trace.reason) == (Inspection.FAILED, "dlp: out of time")
    assert flow.response is not None and rig.records[-1].action == "block"


@pytest.mark.parametrize(("error", "chars"), [(ValueError("canary"), 0), (ValueError("canary"), 10**6)])
def test_a_crash_is_a_decision(rig: Rig, error: Exception, chars: int) -> None:
    with_engine(rig, Engine(error, chars))
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.failed == "dlp.request: ValueError"
    assert flow.response is not None and flow.response.status_code == 503
    assert "canary" not in repr(rig.records)


def test_a_timeout_is_a_decision(make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make_rig(on_failure="allow", mode="observe")
    with_engine(rig, Engine(Scan((), True, ""), 10**6))

    async def busy(*_: Any, timeout_s: float, lane: str, owner: str) -> None:
        assert timeout_s == rig.state.snapshot.settings.dlp.timeout_ms / 1000 + GRACE_S
        assert (lane, owner) == ("dlp", "10.1.2.3")
        raise WorkersTimeout

    monkeypatch.setattr(rig.state.workers, "run", busy)
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.response is None and trace.failed_open
    assert rig.records[-1].inspection == "failed" and "WorkersTimeout" in rig.records[-1].inspection_reason


def test_conversations_do_not_share_stand_ins_between_callers(rig: Rig) -> None:
    mine = rig.play(rig.flow(chat(f"to {ADDRESS}")), "requestheaders", "request")
    same = rig.play(rig.flow(chat(f"to {ADDRESS}")), "requestheaders", "request")
    other = rig.play(rig.flow(chat(f"to {ADDRESS}"), peer="10.9.9.9"), "requestheaders", "request")
    assert mine.conversation == same.conversation != other.conversation


def test_a_short_prompt_that_takes_long_leaves_the_loop(rig: Rig) -> None:
    class Late(Engine):
        def scan(
            self, segments: Any, direction: str = "request", *, deadline_s: float, glance: int | None = None
        ) -> Scan:
            super().scan(segments, deadline_s=deadline_s)
            return Scan((), False, "out of time", out_of_time=True) if len(self.given) == 1 else Scan()

    engine = Late(Scan())
    with_engine(rig, engine)
    trace = rig.play(rig.flow(chat()), "requestheaders", "request", until="dlp")
    assert trace.inspection is Inspection.INSPECTED
    rest, limit = engine.given[1], rig.state.snapshot.settings.dlp.timeout_ms / 1000
    assert engine.given[0] == INLINE_S and limit / 2 < rest <= limit


def test_a_prompt_that_is_longer_gets_a_glance_here_and_a_scan_elsewhere(rig: Rig) -> None:
    glanced = Engine(Scan(), GLANCE_CHARS_MAX)
    with_engine(rig, glanced)
    rig.play(rig.flow(chat()), "requestheaders", "request", until="dlp")
    assert glanced.glances == [INLINE_CHARS_MAX]
    unclear = Engine(Scan((), False, "out of time", out_of_time=True), GLANCE_CHARS_MAX)
    with_engine(rig, unclear)
    rig.play(rig.flow(chat()), "requestheaders", "request", until="dlp")
    assert unclear.glances == [INLINE_CHARS_MAX, None]


def test_a_scan_that_ran_out_of_its_own_time_is_failed_with_what_it_found(rig: Rig) -> None:
    with_engine(rig, Engine(Scan((), False, "out of time", out_of_time=True), 10**6))
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    assert (trace.inspection, trace.reason) == (Inspection.FAILED, "dlp: out of time")
    assert flow.response is not None


@pytest.mark.parametrize(
    ("fresh", "texts", "lane"),
    [
        (INLINE_CHARS_MAX, ["x"], ""),
        (GLANCE_CHARS_MAX, ["x"], ""),
        (GLANCE_CHARS_MAX + 1, ["x"], "dlp-small"),
        (64 * 1024 + 1, ["x"], "dlp"),
        (0, ["x" * (WEIGHED_CHARS_MAX + 1)], "dlp"),
        (0, ["x"] * (WEIGHED_TEXTS_MAX + 1), "dlp"),
    ],
    ids=["here", "at a glance", "small", "large", "not weighed", "too many"],
)
def test_the_way_a_prompt_takes(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, fresh: int, texts: list[str], lane: str
) -> None:
    taken: list[str] = []
    run = rig.state.workers.run

    async def note(*args: Any, timeout_s: float, lane: str = "work", owner: str = "") -> Any:
        taken.append(lane)
        return await run(*args, timeout_s=timeout_s, lane=lane, owner=owner)

    monkeypatch.setattr(rig.state.workers, "run", note)
    with_engine(rig, Engine(Scan(), fresh))
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text} for text in texts]}).encode()
    rig.play(rig.flow(body), "requestheaders", "request", until="dlp")
    assert [name for name in taken if name != "parse"] == ([lane] if lane else [])
