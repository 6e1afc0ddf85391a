from __future__ import annotations

import pytest

from unit.audit.evidence.boots import key
from weir.audit.evidence.entries import (
    FILES_MAX,
    BadEntry,
    Checkpoint,
    Files,
    Rotation,
    Sum,
    is_file_name,
    key_name,
    parse_entry,
)
from weir.audit.evidence.merkle import EMPTY_ROOT

CHECKPOINT = Checkpoint(
    proxy_id="p", boot_id="b-1", size=7, root=EMPTY_ROOT, number=3, ts=1_780_000_000_000_001, head="ab" * 32
)
ROTATION = Rotation(proxy_id="p", number=4, ts=1, previous=CHECKPOINT.digest, old=key(1).verifier, new=key(2).verifier)


def test_a_checkpoint_s_text() -> None:
    assert CHECKPOINT.text == (
        "weir/p/b-1\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nnumber 3\ntime 2026-05-28T20:26:40.000001Z\n"
        f"previous {'0' * 64}\nrow {'ab' * 32}\nreason rows\n"
    )
    assert CHECKPOINT.chain == "p-b-1" and key_name("p") == "weir/p"


@pytest.mark.parametrize("entry", [CHECKPOINT, ROTATION], ids=["checkpoint", "rotation"])
def test_an_entry_is_read_back_and_in_one_spelling_only(entry: Checkpoint | Rotation) -> None:
    assert parse_entry(entry.text) == entry
    for at in range(len(entry.text)):
        for other in (entry.text[:at] + entry.text[at + 1 :], entry.text[:at] + "0" + entry.text[at:]):
            try:
                assert parse_entry(other).text == other and other != entry.text
            except BadEntry as problem:
                assert other.split("\n")[0] not in str(problem) or not other.split("\n")[0]


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("7\n", "07\n"),
        ("7\n", "-7\n"),
        ("7\n", "key rotation\n"),
        ("weir/", "wear/"),
        ("/b-1", "/b-1/c"),
        ("/b-1", ""),
        ("47DE", "47D"),
        ("uFU=", "uFV="),
        ("number 3", "number  3"),
        ("number 3", "nummer 3"),
        ("2026-05-28", "2026-13-28"),
        ("2026-05-28", "26-05-28"),
        (".000001Z", "Z"),
        ("row ab", "row AB"),
        ("reason rows", "reason because"),
        ("reason rows\n", "reason rows"),
        ("reason rows\n", "reason rows\nmore\n"),
        ("previous 0", "previous "),
    ],
)
def test_what_is_no_checkpoint(was: str, now: str) -> None:
    assert was in CHECKPOINT.text
    with pytest.raises(BadEntry):
        parse_entry(CHECKPOINT.text.replace(was, now))


def test_nothing_at_all() -> None:
    for text in ("", "\n", "\n\n\n", "weir/p\nkey rotation\n"):
        with pytest.raises(BadEntry):
            parse_entry(text)


def files(**given: object) -> Files:
    values = {"proxy_id": "p", "number": 3, "ts": 1_780_000_000_000_000, "previous": "ab" * 32}
    return Files(**{**values, **given})  # type: ignore[arg-type]


def test_files_come_back_as_they_were() -> None:
    one, two = ("spool/p-b-000001.jsonl.zst", Sum(7, "cd" * 32)), ("content/x.content", Sum(0, "ef" * 32))
    for made in (files(sealed=(one, two)), files(removed=(one,)), files(removed=(two,), sealed=(one, two))):
        assert parse_entry(made.text) == made


@pytest.mark.parametrize(
    "change",
    [
        ("sealed 7", "sealed 07"), ("sealed 7", "sealed -7"), ("sealed", "stored"), ("spool/", "../spool/"),
        ("spool/", "/spool/"), ("spool/", ".spool/"), ("cdcd", "CDCD"), ("zst\n", "zst\n\n"), ("files", "file"),
        ("number 3", "number 03"), ("weir/p", "weir/p/b"),
    ],
)  # fmt: skip
def test_no_other_spelling_is_read(change: tuple[str, str]) -> None:
    text = files(sealed=(("spool/p-b-000001.jsonl.zst", Sum(7, "cd" * 32)),)).text
    assert change[0] in text
    with pytest.raises(BadEntry):
        parse_entry(text.replace(*change, 1))


def test_an_entry_of_files_has_some_and_not_too_many() -> None:
    many = tuple((f"spool/{number}", Sum(1, "ab" * 32)) for number in range(FILES_MAX + 1))
    for made in (files(), files(sealed=many)):
        with pytest.raises(BadEntry):
            parse_entry(made.text)
    assert parse_entry(files(sealed=many[1:]).text)
    assert len(files(sealed=many[1:]).text) < 4_000


def test_names_of_files() -> None:
    assert is_file_name("audit/days/events/2026-11-20_weir-1.000000000010.parquet")
    assert not any(
        is_file_name(name) for name in ("", "/a", "a//b", "a/", "a/../b", ".a", "a/.b", "a b", "a\nb", "ä", "a" * 401)
    )
