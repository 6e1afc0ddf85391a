"""Squid's access.log, native and combined."""

from __future__ import annotations

from pathlib import Path

from weir.logs.opening import open_log
from weir.logs.reading import Asked, Reading, read


def reading(path: Path, text: str) -> Reading:
    path.write_text(text)
    with open_log(path) as log:
        return read(log, Asked())


def test_native(tmp_path: Path) -> None:
    made = reading(
        tmp_path / "log",
        "1767355200.500     12 10.0.0.1 TCP_TUNNEL/200   900 CONNECT ai.example:443 ann HIER_DIRECT/1.2.3.4 -\n"
        "1767355201.500     12 10.0.0.2 TCP_DENIED/403  9 CONNECT [2001:db8::1]:443 - HIER_NONE/- text/html\n"
        "1767355201.500     12 10.0.0.2 NONE_NONE/400  9 GET error:invalid-request - HIER_NONE/- text/html\n",
    )
    assert made.format == "squid"
    assert [(use.host, use.user, use.action, use.bytes_down) for use in made.uses][:2] == [
        ("2001:db8::1", "", "blocked", 9), ("ai.example", "ann", "allowed", 900),
    ]  # fmt: skip


def test_combined(tmp_path: Path) -> None:
    made = reading(
        tmp_path / "log",
        '10.0.0.1 - ann [02/Jan/2026:13:00:00 +0100] "CONNECT ai.example:443 HTTP/1.1" 200 900 "-" "curl/8.1"'
        " TCP_TUNNEL:HIER_DIRECT\n",
    )
    (use,) = made.uses
    assert (use.host, use.user, use.agent, use.first) == ("ai.example", "ann", "curl", 1_767_355_200_000_000)


def test_asking_for_a_password_is_no_request_and_refuses_none(tmp_path: Path) -> None:
    native = (
        "1767355200.500 1 10.0.0.1 TCP_DENIED/407 4100 CONNECT ai.example:443 - HIER_NONE/- text/html\n"
        "1767355200.600 12 10.0.0.1 TCP_TUNNEL/200 900 CONNECT ai.example:443 ann HIER_DIRECT/1.2.3.4 -\n"
        "1767355200.700 12 10.0.0.1 TCP_MISS/407 9 GET http://ai.example/x ann HIER_DIRECT/1.2.3.4 -\n"
    )
    combined = (
        '10.0.0.1 - - [02/Jan/2026:12:00:00 +0000] "CONNECT ai.example:443 HTTP/1.1" 407 4100 "-" "curl/8"'
        " TCP_DENIED:HIER_NONE\n"
        '10.0.0.1 - ann [02/Jan/2026:12:00:00 +0000] "CONNECT ai.example:443 HTTP/1.1" 200 900 "-" "curl/8"'
        " TCP_TUNNEL:HIER_DIRECT\n"
    )
    for text, requests in ((native, 2), (combined, 1)):
        made = reading(tmp_path / "log", text)
        assert [(use.user, use.action, use.requests) for use in made.uses] == [("ann", "allowed", requests)]
        assert not made.bad


def test_through_syslog(tmp_path: Path) -> None:
    line = "1767355200.500     12 10.0.0.1 TCP_TUNNEL/200   900 CONNECT ai.example:443 ann HIER_DIRECT/1.2.3.4 -\n"
    for before in ("Jan  2 12:00:00 proxy squid[123]: ", "<134>1 2026-01-02T12:00:00Z proxy (squid-1) 123 - - "):
        (use,) = reading(tmp_path / "log", before + line).uses
        assert (use.host, use.user, use.source, use.first) == ("ai.example", "ann", "10.0.0.1", 1_767_355_200_500_000)
