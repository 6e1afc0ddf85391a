"""Every error becomes one of a fixed set of phrases: its own words may quote a header, a host, a body."""

from __future__ import annotations

import pytest
from mitmproxy.connection import ConnectionState

from harness.rig import Rig
from weir.edge.causes import cause_of, error_class


@pytest.mark.parametrize(
    ("message", "phrase"),
    [
        ("Client disconnected.", "client closed the connection"),
        ("stream reset by client (CANCEL)", "client cancelled the stream"),
        ("Certificate verify failed: unable to get local issuer", "upstream certificate not trusted"),
        ("server closed connection", "upstream closed the connection"),
        ("[Errno 111] Connect call failed ('10.0.0.1', 443)", "upstream could not be reached"),
        ("[Errno -2] Name or service not known", "upstream name not found"),
        ("Connection killed: refused by weir", "refused by weir"),
        ("Flow killed.", "cut by weir"),
        ("OpenSSL Error([('SSL routines', '', 'x')])", "TLS failed"),
        ("received invalid header line canary: canary", "protocol error"),
        ("", "protocol error"),
    ],
)
def test_phrases(message: str, phrase: str) -> None:
    assert error_class(message) == phrase


@pytest.mark.parametrize(
    ("client_is_there", "phrase"),
    [(True, "upstream closed the connection"), (False, "client closed the connection")],
)
def test_which_side_it_was(rig: Rig, client_is_there: bool, phrase: str) -> None:
    flow = rig.flow()
    flow.client_conn.state = ConnectionState.OPEN if client_is_there else ConnectionState.CLOSED
    assert cause_of(flow, "peer closed connection") == phrase
    assert cause_of(flow, "timed out waiting") == "timed out"
