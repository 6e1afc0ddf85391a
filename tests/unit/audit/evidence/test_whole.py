from __future__ import annotations

from pathlib import Path

from unit.audit.evidence.boots import Boot
from weir.audit.evidence.whole import Whole
from weir.audit.spool.chain import segments


def written(directory: Path, *boots: Boot) -> None:
    for boot in boots:
        for number, lines in enumerate(boot.segments, 1):
            (directory / f"p-{boot.boot}-{number:06d}.jsonl").write_bytes(b"".join(lines))


def test_two_boots_as_they_should_be(tmp_path: Path) -> None:
    first = Boot()
    second = Boot(boot="c", count=5, log=first.log)
    written(tmp_path, first, second)
    whole = Whole(second.report)
    assert list(whole.found(segments(tmp_path))) == []
    assert whole.rows == 15 and whole.proved == {"p-b": 10, "p-c": 5}


def test_a_boot_taken_out_and_a_boot_put_in(tmp_path: Path) -> None:
    first = Boot()
    second = Boot(boot="c", count=5, log=list(first.log))
    written(tmp_path, second, Boot(boot="d", count=2))
    found = list(Whole(second.report).found(segments(tmp_path)))
    assert [(item.chain, str(item.wrong), item.seq, item.seq_last) for item in found] == [
        ("p-b", "cut", 1, 10),
        ("p-d", "added", None, None),
    ]
    assert len(list(Whole(second.report, live=frozenset({"p-d"})).found(segments(tmp_path)))) == 1


def test_findings_about_checkpoints_come_first(tmp_path: Path) -> None:
    boot = Boot()
    written(tmp_path, boot)
    del boot.log[1]
    boot.segments[0][0] = boot.segments[0][0].replace(b"u1", b"u2")
    written(tmp_path, boot)
    found = list(Whole(boot.report).found(segments(tmp_path)))
    assert [str(item.wrong) for item in found] == ["checkpoint_gone", "edited"]
