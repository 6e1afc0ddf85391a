"""Findings in the request's texts; a scan that did not finish is never clean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.rig import ADDRESS, CREDENTIAL, Rig, chat
from weir.dlp.addon import INLINE_CHARS_MAX
from weir.dlp.engine import Scan
from weir.edge.workers import WorkersTimeout
from weir.model import Inspection


class Engine:
    """Answers with a scan made beforehand, or fails."""

    def __init__(self, scan: Scan | Exception, chars: int = 0) -> None:
        self._scan, self._chars = scan, chars

    def estimate_chars(self, segments: Any) -> int:
        return self._chars

    def scan(self, segments: Any) -> Scan:
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

    async def busy(*_: Any, timeout_s: float) -> None:
        assert timeout_s == 2.0
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
