"""The shadow AI report in a terminal of 80 columns, whatever stands in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from rich.cells import cell_len

from weir.cli.shadowtable import show, spark
from weir.reports.shadow.model import Blind, Credential, Hint, Person, Service, ShadowReport, Step, Totals

NOW = datetime(2026, 1, 31)


def report(number: int = 3) -> ShadowReport:
    host = "a-very-long-label." * 6 + "example"
    services = tuple(
        Service(f"s{n}", f"Service number {n} of a long name", category="vector-database", status="unsanctioned",
                score=70, users=1_200, requests=12_345_678, bytes_up=4_200_000_000, findings=12,
                sources=("live", "squid"), first_seen=NOW, last_seen=NOW, trend=tuple(range(30)), new=True)
        for n in range(number)
    )  # fmt: skip
    return ShadowReport(
        made=NOW, since=None, until=NOW, totals=Totals(3, 3, 3, 9, 99, 10**9, 4),
        days=tuple(date(2026, 1, 1) + timedelta(days=n) for n in range(30)), services=services,
        people=(Person("an.unusually.long.name@subsidiary.example", "research", tuple("ABCDE"), ("E",), 9, 9, 0, NOW),
                Person("evil\x1b[31m\u202e", "", ("A",), (), 1, 0, 0, NOW, known=False)),
        credentials=(Credential("openai", "personal", "0123456789ab", ("anna", "ben"), 7, NOW),),
        blind=(Blind(host, "", "pinned", "client does not trust the certificate", 3, 40, 12_000, NOW),),
        hints=(Hint(host, "a long reply in many records after one upload", 2, 5, 1_000, NOW),),
        steps=tuple(
            Step(f"Block S{n}", "because " * 20, (f"s{n}",), "services: {unsanctioned: [x]}", 9.0 - n)
            for n in range(10)
        ),
        coverage=(("inspected", 900), ("logs", 90), ("uncatalogued", 10)),
    )  # fmt: skip


def shown(made: ShadowReport, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    show(made)
    return capsys.readouterr().out


def test_every_section_fits_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    out = shown(report(), capsys, monkeypatch)
    assert all(cell_len(line) <= 80 for line in out.splitlines())
    sections = ["Shadow AI from", "In use", "New this week", "Who uses what", "Personal credentials",
                "Clients weir cannot look into", "Hints", "Coverage", "What to do next"]  # fmt: skip
    assert [out.index(section) for section in sections] == sorted(out.index(section) for section in sections)
    assert "90.0 %  read whole" in out and "1.  Block S0" in out


def test_what_strangers_wrote_moves_no_cursor(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = shown(report(), capsys, monkeypatch)
    assert "\x1b" not in out and "\u202e" not in out and "evil" in out


def test_what_is_left_out_is_counted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    out = shown(report(25), capsys, monkeypatch)
    assert "… 5 more in" in out and "… 17 more in" in out and "… 2 more in" in out


def test_sections_without_rows_are_not_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = replace(report(), people=(), credentials=(), blind=(), hints=(), steps=(), coverage=())
    out = shown(bare, capsys, monkeypatch)
    assert "Who uses what" not in out and "Hints" not in out and "What to do next" not in out


@pytest.mark.parametrize(
    ("counts", "bars"),
    [((), ""), ((0, 0), ""), ((5,), "█"), ((0, 4, 8), " ▅█"), (tuple(range(1, 31)), "▁▂▂▃▄▅▆▆▇█")],
)
def test_a_line_of_bars(counts: tuple[int, ...], bars: str) -> None:
    assert len(spark(counts)) == len(bars) and spark(counts)[-1:] == bars[-1:]
