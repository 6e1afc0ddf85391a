"""Cisco Umbrella: who asked, out of two lists side by side, and rows of all ages."""

from __future__ import annotations

import pytest
from tests.harness.logs.reading import lines

ADA = "Lovelace, Ada (ada@corp.example)"


def _dns(first: str, names: str, *rest: str, action: str = "Allowed") -> str:
    row = ["2026-11-16 10:00:00", first, names, "10.0.0.1", "192.0.2.1", action, "1 (A)", "NOERROR", "claude.ai."]
    return ",".join(f'"{cell}"' for cell in [*row, "AI, chat", *rest])


@pytest.mark.parametrize(
    ("row", "user", "device"),
    [
        (_dns(ADA, f"{ADA},LAP-1", "AD Users", "AD Users,Anyconnect Roaming Client", ""), "ada@corp.example", "LAP-1"),
        (
            _dns("LAP-1", f"LAP-1,{ADA[10:]}", "Roaming Computers", "Roaming Computers,AD Users", ""),
            "ada@corp.example",
            "LAP-1",
        ),
        (_dns("HQ", "HQ,Site,Net", "Internal Networks", "Internal Networks,Sites,Networks", ""), "", ""),
        (_dns("ada", "ada,LAP-1", "A policy's name", "AD Users, Roaming Computers", ""), "ada", "LAP-1"),
        (
            _dns(ADA, f"{ADA},Corp, Inc,LAP-1", "AD Users", "AD Users,Networks,Roaming Computers", ""),
            "ada@corp.example",
            "",
        ),
        (_dns("ada", "ada,Site,Net"), "ada", ""),
    ],
)
def test_who_asked(row: str, user: str, device: str) -> None:
    (use,) = lines("umbrella", row).uses
    assert (use.host, use.user, use.device, use.source) == ("claude.ai", user, device, "10.0.0.1")


def test_blocked_blanks_headers_and_junk() -> None:
    row = _dns("ada", "ada", "AD Users", "AD Users", "", action="Blocked").replace('","', '", "')
    got = lines("umbrella", '"Timestamp","Most Granular Identity"', row, "junk")
    assert [(use.action, use.first) for use in got.uses] == [("blocked", 1_794_823_200_000_000)]
    assert dict(got.bad) == {"fewer than 9 fields": 1}


def test_the_proxy_counts_bytes_with_columns_missing() -> None:
    row = [
        "2026-11-16 10:00:00",
        "LAP-1",
        "",
        "192.0.2.1",
        "203.0.113.9",
        "",
        "BLOCKED",
        "https://claude.ai/a,b",
        "",
        "x",
    ]
    row += ["403", "562", "", "", "", "AI", "", "", "", "", "", "Roaming Computers", "", "LAP-1", "Roaming Computers"]
    (use,) = lines("umbrella", ",".join(f'"{cell}"' for cell in row)).uses
    assert (use.host, use.device, use.user, use.source) == ("claude.ai", "LAP-1", "", "192.0.2.1")
    assert (use.action, use.bytes_up, use.bytes_down) == ("blocked", 562, None)
