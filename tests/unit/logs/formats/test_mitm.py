"""mitmproxy's files as its own writer makes them, and torn ones."""

from __future__ import annotations

import io

import pytest
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from weir.logs.format import Bad, Row
from weir.logs.formats import mitm


def _file(*flows: object) -> bytes:
    out = io.BytesIO()
    for flow in flows:
        FlowWriter(out).add(flow)  # type: ignore[arg-type]
    return out.getvalue()


def _rows(data: bytes) -> list[Row | Bad]:
    assert mitm.FORMAT.rows is not None
    return list(mitm.FORMAT.rows(io.BytesIO(data)))


def test_a_flow() -> None:
    flow = tflow.tflow(resp=True)
    flow.request.host, flow.request.authority, flow.request.path = "9.9.9.9", "", "/v1/messages"
    flow.request.headers["Host"], flow.request.headers["User-Agent"] = "claude.ai", "curl/8"
    flow.request.content, flow.request.timestamp_start = b"12345", 1_794_823_200.25
    flow.response.content = b"123"  # type: ignore[union-attr]
    flow.client_conn.peername = ("10.0.0.1", 5)
    (row,) = _rows(_file(flow))
    assert row == Row(
        1_794_823_200_250_000,
        host="claude.ai",
        path="/v1/messages",
        agent="curl/8",
        source="10.0.0.1",
        bytes_up=5,
        bytes_down=3,
    )


def test_without_a_reply_or_a_name_and_of_other_kinds() -> None:
    flow = tflow.tflow()
    flow.request.host, flow.request.authority = "2001:db8::7", ""
    flow.request.headers.pop("host", None)
    (row,) = _rows(_file(tflow.ttcpflow(), flow, tflow.tdnsflow()))
    assert isinstance(row, Row)
    assert (row.host, row.bytes_down) == ("[2001:db8::7]:22", None)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (_file(tflow.tflow())[:-10], "cut off"),
        (b"junk", "no flow; the rest of the file can't be read"),
        (b"9" * 400, "no flow; the rest of the file can't be read"),
        (b"3:abc,", "a damaged flow"),
        (b"3:abc}", "a damaged flow"),
        (b"10:7:request;}", "a damaged flow"),
    ],
)
def test_damage_is_told_by_the_number_of_the_flow(data: bytes, why: str) -> None:
    whole = _file(tflow.tflow())
    assert _rows(whole + data)[1:2] == [Bad(2, why)]


def test_a_flow_beyond_the_bound_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mitm, "_FLOW_MAX", 100)
    assert _rows(_file(tflow.tflow())) == [Bad(1, "larger than 128 MB")]
