from __future__ import annotations

import pytest

from unit.audit.evidence.boots import key
from weir.audit.evidence.entries import BadEntry, Checkpoint, Rotation, key_name, parse_entry
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
