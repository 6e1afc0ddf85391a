"""Lines and entries become groups of who used what; the rest is counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from weir.logs.engine import EXAMPLES, Engine
from weir.logs.format import Bad, FormatError, Row
from weir.logs.text import TOO_LONG

SELECT = (
    "SELECT line, f[1] AS host, f[2] AS path, f[3] AS user, TRY_CAST(f[4] AS TIMESTAMP) AS ts"
    " FROM (SELECT line, string_split(text, ',') AS f FROM lines)"
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(tmp_path) as made:
        yield made


def whose(host: str, path: str) -> str:
    if host == "shared.example":
        return "hidden" if path.startswith("/ai/chat") else ""
    return "known" if host == "ai.example" else ""


def test_lines_are_grouped_by_day_and_person(engine: Engine) -> None:
    data = (
        b"ai.example,/x,ann,2026-01-02 01:00\nAI.example.:443,/y,ann,2026-01-02 02:00\nai.example,,,2026-01-03 02:00\n"
        b"other.example,/x,bob,2026-01-02 01:00\n\n,,,\n" + TOO_LONG.encode() + b"\nbad host,,,\n"
    )
    engine.add_lines(data, 101, SELECT)
    engine.keep(whose, lambda host: False)
    uses = list(engine.uses())
    assert [(use.host, use.path, use.user, use.requests) for use in uses] == [
        ("ai.example", "", "ann", 2), ("ai.example", "", "", 1),
    ]  # fmt: skip
    assert uses[0].last - uses[0].first == 3_600_000_000
    assert (uses[0].bytes_up, uses[0].action) == (None, "allowed")
    assert engine.bad == {"longer than 256 KiB": 1, "no destination": 1}  # a host ends at a space
    assert engine.examples == {"longer than 256 KiB": (107,), "no destination": (106,)}
    assert engine.counts() == (7, 5, 3, 2, 2)


def test_of_shared_hosts_only_what_tells_of_the_path_is_kept(engine: Engine) -> None:
    data = (
        b"shared.example,/ai/chat/secret-id/1?q=2,ann,\nshared.example,/ai/chat/other,ann,\nshared.example,/docs,ann,\n"
    )
    engine.add_lines(data, 1, SELECT)
    engine.keep(whose, lambda host: host == "shared.example")
    assert [(use.path, use.requests, use.first) for use in engine.uses()] == [("/ai/chat", 2, 0)]
    assert engine.counts() == (3, 3, 1, 0, 1)


def test_bad_lines_are_named_by_the_first_few(engine: Engine) -> None:
    for first in (1, 101):
        engine.add_lines(b",\n" * 100, first, SELECT)
        engine.keep(whose, lambda host: False)
    assert engine.bad == {"no destination": 200}
    assert engine.examples["no destination"] == tuple(range(1, EXAMPLES + 1))


def test_impossible_times_are_none_and_earlier_lines_can_be_left_out(tmp_path: Path) -> None:
    with Engine(tmp_path, datetime(2026, 1, 2, tzinfo=UTC)) as engine:
        data = b"ai.example,,a,2026-01-01 23:59\nai.example,,b,2026-01-02 00:00\n"
        data += b"ai.example,,c,9999-01-01\nai.example,,d,\n"
        engine.add_lines(data, 1, SELECT)
        engine.keep(whose, lambda host: False)
        assert sorted((use.user, use.first > 0) for use in engine.uses()) == [("b", True), ("c", False), ("d", False)]


def test_entries_of_a_recording(engine: Engine) -> None:
    rows = [
        Row(ts=1_767_355_200_000_000, url="https://ai.example/x", bytes_up=5, action="blocked"),
        Row(host="ai.example"),
    ]
    engine.add_rows(rows, [Bad(3, "torn")])
    engine.keep(whose, lambda host: False)
    assert sorted((use.first, use.bytes_up, use.action) for use in engine.uses()) == [
        (0, None, "allowed"), (1_767_355_200_000_000, 5, "blocked"),
    ]  # fmt: skip
    assert (engine.bad, engine.examples) == ({"torn": 1}, {"torn": (3,)})


def test_an_error_never_quotes_the_log(engine: Engine) -> None:
    with pytest.raises(FormatError) as caught:
        engine.add_lines(b"word\n", 1, "SELECT line, CAST(text AS BIGINT)::VARCHAR AS host FROM lines")
    assert "word" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("ts", "url"),
    [(10**300, "https://ai.example/"), (-(10**19), "https://ai.example/"), (None, "https://ai.example/\ud800")],
    ids=["late", "early", "half a character"],
)
def test_one_odd_entry_does_not_take_the_others_with_it(engine: Engine, ts: int | None, url: str) -> None:
    engine.add_rows([Row(1_767_355_200_000_000, "https://ai.example/x", user="ann"), Row(ts, url, agent="a\udc80")], [])
    engine.keep(whose, lambda host: False)
    engine.add_rows([Row(url="https://a\ud800b.example/")], [])
    found = {use.user: (use.requests, use.first) for use in engine.uses()}
    assert found == {"ann": (1, 1_767_355_200_000_000), "": (1, 0)}
    assert engine.bad == {"a destination that is no host": 1}


def test_an_interrupt_is_no_fault(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def execute(self, *_: object) -> None:
            raise RuntimeError("Query interrupted")

        def close(self) -> None: ...

    monkeypatch.setattr(engine, "_base", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        engine.add_lines(b"word\n", 1, "SELECT line, text AS host FROM lines")
