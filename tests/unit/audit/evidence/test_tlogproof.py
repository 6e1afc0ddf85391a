from __future__ import annotations

import dataclasses

import pytest

from unit.audit.evidence.boots import Boot, key, row
from weir.audit.evidence.note import sign_note
from weir.audit.evidence.tlogproof import BadProof, Proof, parse_proof, prove, show


def made(seq: int = 5, boot: Boot | None = None, note: int = -1) -> Proof:
    boot = boot or Boot()
    return prove(boot.lines[seq - 1], seq, (leaf.row_hash for leaf in boot.leaves()), boot.notes[note][1])


@pytest.mark.parametrize("seq", range(1, 11))
def test_every_row_can_be_proved_without_the_store(seq: int) -> None:
    proof = parse_proof(made(seq).text)
    shown = show(proof, [key().verifier])
    assert shown.row["user"] == f"u{seq}" and shown.checkpoint.size == 10 and shown.key == key().verifier


def test_the_text_is_the_standard_one() -> None:
    lines = made().text.split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1" and lines[1].startswith("extra ") and lines[2] == "index 4"
    assert lines[7] == "" and lines[8] == "weir/p/b" and lines[9] == "10"


def test_a_proof_is_for_one_row_and_one_key_only() -> None:
    boot, proof = Boot(), made()
    for changed, why in (
        (dataclasses.replace(proof, line=boot.lines[5]), "another than the one"),
        (dataclasses.replace(proof, index=5), "another than the one"),
        (dataclasses.replace(proof, line=proof.line.replace(b"u5", b"u6")), "does not fit its hash"),
        (dataclasses.replace(proof, line=b"{}\n"), "does not fit its hash"),
        (dataclasses.replace(proof, line=row(5, 1, "0" * 64)[0]), "not in the tree"),
        (dataclasses.replace(proof, hashes=proof.hashes[:-1]), "not in the tree"),
        (dataclasses.replace(proof, hashes=(bytes(32), *proof.hashes[1:])), "not in the tree"),
        (dataclasses.replace(proof, note=boot.notes[2][1]), "not in the tree"),
        (dataclasses.replace(proof, note=proof.note.replace(b"\n10\n", b"\n11\n")), "can't be believed"),
        (dataclasses.replace(proof, note=sign_note("a\n", key())), "its checkpoint"),
        (dataclasses.replace(proof, note=boot.maker.rotate(key(2), 1)), "no checkpoint"),
        (dataclasses.replace(proof, line=Boot(boot="c").lines[4]), "another than the one"),
    ):
        with pytest.raises(BadProof, match=why):
            show(changed, [key().verifier])
    with pytest.raises(BadProof, match="no key that is believed"):
        show(proof, [key(2).verifier])


def test_what_cannot_be_proved() -> None:
    with pytest.raises(BadProof, match="no leaf 4"):
        made(5, note=1)  # signed over three rows
    boot = Boot()
    with pytest.raises(BadProof, match="fewer"):
        prove(boot.lines[0], 1, ["ab" * 32], boot.notes[-1][1])


@pytest.mark.parametrize(
    "change",
    [
        lambda t: "",
        lambda t: t[1:],
        lambda t: t.replace("index 4", "index 04"),
        lambda t: t.replace("extra ", "extra"),
        lambda t: t[:-1],
        lambda t: t + "\n",
        lambda t: t.replace("\n\nweir", "\nAA==\n\nweir"),
        lambda t: t.replace("\n\nweir", "\n!\n\nweir"),
    ],
)
def test_what_is_no_proof(change: object) -> None:
    assert callable(change)
    with pytest.raises(BadProof):
        show(parse_proof(change(made().text)), [key().verifier])
