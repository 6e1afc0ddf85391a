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
