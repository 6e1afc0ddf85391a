"""Query logs of name servers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from weir.logs.opening import open_log
from weir.logs.reading import Asked, Reading, read


def reading(path: Path, text: str) -> Reading:
    path.write_text(text)
    with open_log(path) as log:
        return read(log, Asked())


def test_bind(tmp_path: Path) -> None:
    made = reading(
        tmp_path / "log",
        "02-Jan-2026 12:00:00.123 queries: info: client @0x7f 10.0.0.1#53 (AI.example):"
        " query: AI.example IN A +E(0)K (::1)\n"
        "02-Jan-2026 12:00:00.123 queries: info: client 2001:db8::5#53 (x.example): view all:"
        " query: x.example IN AAAA + (::1)\n",
    )
    assert [(use.host, use.source) for use in made.uses] == [("ai.example", "10.0.0.1"), ("x.example", "2001:db8::5")]
    assert made.uses[0].first == 1_767_355_200_000_000


def test_dnsmasq_and_what_pi_hole_refuses(tmp_path: Path) -> None:
    past = datetime.now(UTC).replace(microsecond=0) - timedelta(days=300)
    stamp = f"{past:%b} {past.day:2d} {past:%H:%M:%S}"
    made = reading(
        tmp_path / "log",
        f"{stamp} dnsmasq[7]: query[A] ai.example from 10.0.0.1\n"
        f"{stamp} dnsmasq[7]: gravity blocked ai.example is 0.0.0.0\n"
        f"{stamp} dnsmasq[7]: 5 10.0.0.2/3 query[AAAA] x.example from 10.0.0.2\n"
        f"{stamp} dnsmasq[7]: forwarded x.example to 1.1.1.1\njunk\n",
    )
    assert [(use.host, use.source, use.action, use.first) for use in made.uses] == [
        ("ai.example", "10.0.0.1", "blocked", int(past.timestamp()) * 1_000_000),
        ("x.example", "10.0.0.2", "allowed", int(past.timestamp()) * 1_000_000),
    ]
    assert made.bad == {"not a line of dnsmasq's": 1}


def test_unbound_counts_a_query_once(tmp_path: Path) -> None:
    made = reading(
        tmp_path / "log",
        "[1767355200] unbound[12:0] info: 10.0.0.1 ai.example. A IN\n"
        "[1767355200] unbound[12:0] info: reply: 10.0.0.1 ai.example. A IN NOERROR 0.01 0 45\n"
        "[1767355200] unbound[12:0] notice: init module 0: validator\n",
    )
    (use,) = made.uses
    assert (use.host, use.source, use.requests, use.first) == ("ai.example", "10.0.0.1", 1, 1_767_355_200_000_000)
    assert not made.bad
