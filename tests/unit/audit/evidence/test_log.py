from __future__ import annotations

import dataclasses

import orjson
import pytest

from unit.audit.evidence.boots import START_MS, Boot, key
from weir.audit.evidence.entries import Checkpoint, parse_entry
from weir.audit.evidence.log import BadLogLine, LogReport, examine_log, lacking, log_line, read_log_line
from weir.audit.evidence.maker import Maker
from weir.audit.evidence.note import SigningKey, parse_note, sign_note

NOW = START_MS * 1000 + 500_000_000


def entry(note: bytes) -> Checkpoint:
    found = parse_entry(parse_note(note).text)
    assert isinstance(found, Checkpoint)
    return found


def said(report: LogReport) -> list[tuple[str, int | None]]:
    return [(str(item.wrong), item.checkpoint) for item in report.found]


@pytest.fixture
def boot() -> Boot:
    return Boot()


def test_a_log_as_it_should_be(boot: Boot) -> None:
    report = boot.report
    assert said(report) == [] and report.boots == ["p-b"] and report.number == 5
    assert [item.size for item in report.checkpoints["p-b"]] == [0, 3, 6, 9, 10]
    assert [item.reason for item in report.all] == ["start", "rows", "rows", "rows", "close"]


def test_a_line_is_a_row_of_the_checkpoints_table(boot: Boot) -> None:
    doc = orjson.loads(boot.log[1])
    assert {k: v for k, v in doc.items() if k not in ("root", "note", "prev_checkpoint")} == {
        "proxy_id": "p",
        "boot_id": "b",
        "number": 2,
        "ts": START_MS * 1000 + 3_000_000,
        "size": 3,
        "key_id": key().verifier.key_id.hex(),
    }
    assert read_log_line(boot.log[1]).decode() == doc["note"]


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(b'"size":3', b'"size":4'),
        lambda line: line[:-1],
        lambda line: b" " + line,
        lambda line: b"{}\n",
        lambda line: b"[]\n",
        lambda line: b'{"note":5}\n',
        lambda line: b'{"note":"x"}\n',
        lambda line: b'{"note":"\\ud800"}\n',
        lambda line: b"",
    ],
)
def test_columns_that_say_something_else_than_the_note(boot: Boot, change: object) -> None:
    assert callable(change)
    with pytest.raises(BadLogLine):
        read_log_line(change(boot.log[1]))


def test_a_checkpoint_taken_out_is_missed(boot: Boot) -> None:
    del boot.log[2]
    assert said(boot.report) == [("checkpoint_gone", 4)]


def test_one_put_out_of_its_place_is_named(boot: Boot) -> None:
    boot.log[1], boot.log[2] = boot.log[2], boot.log[1]
    assert {wrong for wrong, _ in said(boot.report)} >= {"checkpoint_gone", "forged"}


def test_a_forger_without_the_key(boot: Boot) -> None:
    true = entry(read_log_line(boot.log[3]))
    forged = dataclasses.replace(true, size=8)
    boot.log[3] = log_line(sign_note(forged.text, SigningKey("weir/p", bytes(32))))
    report = boot.report
    assert said(report) == [("forged", 4), ("checkpoint_gone", 5)]
    assert "the key that signs at this place" in report.found[0].text
    assert [item.size for item in report.checkpoints["p-b"]] == [0, 3, 6, 10]


def test_a_text_changed_under_a_true_signature(boot: Boot) -> None:
    note = read_log_line(boot.log[3]).replace(b"\n9\n", b"\n8\n")
    boot.log[3] = log_line(note)
    assert ("forged", 4) in said(boot.report)
    assert "does not hold" in boot.report.found[0].text


def test_a_forger_with_the_key_contradicts_what_was_signed(boot: Boot) -> None:
    report = boot.report
    maker = Maker(key(), "p", "b", report)
    for number in range(10):
        maker.add(f"{number:064x}")
    boot.log.append(log_line(maker.make(NOW, "asked")))
    assert said(boot.report) == [("forged", 6)]
    assert "two trees of the same size" in boot.report.found[0].text
    fewer = Maker(key(), "p", "b", report)
    boot.log[-1] = log_line(fewer.make(NOW, "asked"))
    assert "fewer rows" in boot.report.found[0].text


def test_a_log_made_for_somebody_else_does_not_fit_in(boot: Boot) -> None:
    other = Boot(step_ms=lambda seq: START_MS + seq * 900)
    boot.log[3:] = other.log[3:]
    assert ("forged", 4) in said(boot.report)
    assert "made for somebody else" in boot.report.found[0].text


def test_a_clock_that_went_back_is_named(boot: Boot) -> None:
    maker = Maker(key(), "p", "b2", boot.report)
    boot.log.append(log_line(maker.make(START_MS * 1000 + 1, "start")))
    assert said(boot.report) == [("clock", 6)]
    assert "went back 9.999999 s" in boot.report.found[0].text


def test_another_proxy_s_checkpoint_is_none_of_ours(boot: Boot) -> None:
    true = entry(read_log_line(boot.log[4]))
    boot.log[4] = log_line(sign_note(dataclasses.replace(true, proxy_id="q").text, key()))
    assert said(boot.report) == [("forged", 5)]


def test_the_chain_goes_on_over_restarts_and_a_change_of_key(boot: Boot) -> None:
    second = Boot(boot="b2", log=list(boot.log))
    assert said(second.report) == [] and second.report.boots == ["p-b", "p-b2"]
    second.log.append(log_line(second.maker.rotate(key(2), NOW)))
    second.maker.add("ab" * 32)
    second.log.append(log_line(second.maker.make(NOW + 1, "asked")))
    report = second.report
    assert said(report) == [] and report.key == key(2).verifier and report.number == 12


def test_a_key_that_was_changed_signs_no_more(boot: Boot) -> None:
    boot.log.append(log_line(boot.maker.rotate(key(2), NOW)))
    last = boot.report
    later = Checkpoint(proxy_id="p", boot_id="b", size=10, root=bytes(32), number=7, ts=NOW, previous=last.digest)
    boot.log.append(log_line(sign_note(later.text, key(1))))
    assert said(boot.report) == [("forged", 7)]


def test_a_change_of_key_takes_both(boot: Boot) -> None:
    text = parse_note(boot.maker.rotate(key(2), NOW)).text
    for signers in ((key(1),), (key(2),), (key(1), key(3))):
        report = examine_log([*boot.notes, ("x", sign_note(text, *signers))], key().verifier)
        assert said(report) == [("forged", 6)] and report.key == key().verifier


def test_a_change_of_a_key_that_does_not_sign(boot: Boot) -> None:
    text = parse_note(boot.maker.rotate(key(2), NOW)).text.replace(key(1).verifier.text, key(3).verifier.text)
    report = examine_log([*boot.notes, ("x", sign_note(text, key(1), key(2)))], key().verifier)
    assert said(report) == [("forged", 6)] and "changes another key" in report.found[0].text


def test_what_is_no_note_at_all_is_passed_over(boot: Boot) -> None:
    notes = boot.notes
    notes.insert(2, ("x", b"nonsense"))
    report = examine_log(notes, key().verifier)
    assert said(report) == [("forged", None)] and report.number == 5


def test_a_published_checkpoint_shows_a_log_made_shorter(boot: Boot) -> None:
    published = boot.notes[-1:]
    del boot.log[-2:]
    report = boot.report
    assert said(report) == []
    lacking(report, published)
    assert said(report) == [("checkpoint_gone", 5)]
    assert report.checkpoints["p-b"][-1].size == 10
    assert said(lacking(boot.report, boot.notes)) == []


def test_a_published_checkpoint_must_be_signed_too(boot: Boot) -> None:
    true = entry(boot.notes[-1][1])
    for signer in (SigningKey("weir/p", bytes(32)), SigningKey("weir/q", bytes(32))):
        report = lacking(boot.report, [("x", sign_note(true.text, signer))])
        assert said(report) == [("forged", 5)]
    assert said(lacking(boot.report, [("x", b"?")])) == [("forged", None)]
