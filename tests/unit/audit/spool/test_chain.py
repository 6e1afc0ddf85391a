from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from weir.audit.record import AuditRecord
from weir.audit.spool.chain import chain_name, replay, segments, verify_chain
from weir.audit.spool.lines import GENESIS, BadLine, encode, seal

Make = Callable[..., AuditRecord]


@pytest.fixture
def lines(tmp_path: Path, record: Make) -> list[bytes]:
    """Six lines of one chain in two segments, p-b-000001 and p-b-000002."""
    made, prev = [], GENESIS
    for seq in range(1, 7):
        line, prev = seal(encode(record(user=f"u{seq}"), "p", "b", seq), prev)
        made.append(line)
    write(tmp_path, made)
    return made


def write(directory: Path, lines: list[bytes]) -> None:
    (directory / "p-b-000001.jsonl").write_bytes(b"".join(lines[:3]))
    (directory / "p-b-000002.jsonl").write_bytes(b"".join(lines[3:]))


def test_segments_are_grouped_by_chain_in_order(tmp_path: Path) -> None:
    for name in ("p-b-000002", "p-b-000001", "p-a-x-000001"):
        (tmp_path / f"{name}.jsonl").touch()
    (tmp_path / "notes.txt").touch()
    assert {name: [p.name for p in paths] for name, paths in segments(tmp_path).items()} == {
        "p-a-x": ["p-a-x-000001.jsonl"],
        "p-b": ["p-b-000001.jsonl", "p-b-000002.jsonl"],
    }
    assert chain_name(tmp_path / "p-a-x-000001.jsonl") == "p-a-x"


def test_a_whole_chain_replays_and_verifies(tmp_path: Path, lines: list[bytes]) -> None:
    assert [doc["user"] for doc in replay(tmp_path)] == [f"u{seq}" for seq in range(1, 7)]
    assert verify_chain(tmp_path) == []


def test_a_torn_tail_is_left_out(tmp_path: Path, lines: list[bytes]) -> None:
    write(tmp_path, [*lines[:5], lines[5][:40]])
    assert len(list(replay(tmp_path))) == 5
    assert verify_chain(tmp_path) == []


def test_a_torn_line_elsewhere_is_a_problem(tmp_path: Path, lines: list[bytes]) -> None:
    write(tmp_path, [*lines[:2], lines[2][:40], *lines[3:]])
    with pytest.raises(BadLine, match=r"p-b-000001\.jsonl:3"):
        list(replay(tmp_path))
    assert any("broken" in problem for problem in verify_chain(tmp_path))


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (lambda ls: [ls[0], ls[1].replace(b'"u2"', b'"ux"'), *ls[2:]], "000001.jsonl:2: the row was edited"),
        (lambda ls: [*ls[:2], *ls[3:]], "rows are missing: seq 3"),
        (lambda ls: ls[1:], "rows are missing: seq 1"),
        (lambda ls: [ls[1], ls[0], *ls[2:]], "rows are missing"),
        (lambda ls: [*ls[:3], ls[3].replace(b'"proxy_id":"p"', b'"proxy_id":"q"'), *ls[4:]], "another chain"),
        (lambda ls: [ls[0], b"{}\n", *ls[1:]], "000001.jsonl:2: the line is broken"),
    ],
)
def test_tampering_is_named(
    tmp_path: Path, lines: list[bytes], tamper: Callable[[list[bytes]], list[bytes]], says: str
) -> None:
    write(tmp_path, tamper(lines))
    assert any(says in problem for problem in verify_chain(tmp_path)), verify_chain(tmp_path)


def test_a_row_forged_with_its_own_hash_breaks_the_link(tmp_path: Path, lines: list[bytes], record: Make) -> None:
    forged, _ = seal(encode(record(user="mallory"), "p", "b", 3), GENESIS)
    write(tmp_path, [*lines[:2], forged, *lines[3:]])
    assert sum("the link to the row before is broken" in problem for problem in verify_chain(tmp_path)) == 2
