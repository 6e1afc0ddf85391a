from __future__ import annotations

import pytest

from weir.audit.evidence.note import BadKey, BadNote, SigningKey, VerifierKey, parse_note, sign_note, verified

# The keys, texts and signatures that Go's sumdb/note is tested with; its keys have signed nothing but these lines.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_PRIVATE = "+".join(
    ("PRIVATE", "KEY", "PeterNeumann", "c74f20a3", "AYEKFALVFGyNhPJEMzD1QIDr" + "+Y7hfZx09iUvxdXHKDFz")
)
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
peter, enoch = VerifierKey.parse(PETER), VerifierKey.parse(ENOCH)


def test_go_s_signature_comes_out() -> None:
    key = SigningKey.parse(PETER_PRIVATE)
    assert key.verifier.text == PETER and key.private_text == PETER_PRIVATE
    assert sign_note(TEXT, key).decode() == f"{TEXT}\n{PETER_LINE}"


def test_the_specification_s_own_example_is_read() -> None:
    note = parse_note(
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+"
        "zyWE+xeMcTOAYQ8=\n".encode()
    )
    assert note.text.count("\n") == 3 and note.signatures[0].key_id.hex() == "033de0ae"


def test_only_signatures_of_known_keys_count() -> None:
    note = parse_note((TEXT + "\n" + PETER_LINE + ENOCH_LINE).encode())
    assert verified(note, [peter]) == (peter,)
    assert verified(note, [enoch, peter]) == (peter, enoch)
    assert verified(note, []) == ()
    assert verified(parse_note((TEXT + "\n" + ENOCH_LINE).encode()), [peter]) == ()


def test_a_wrong_signature_of_a_known_key_sinks_the_note() -> None:
    note = parse_note((TEXT.replace("think", "thing") + "\n" + PETER_LINE).encode())
    assert verified(note, [enoch]) == ()
    with pytest.raises(BadNote, match="does not hold"):
        verified(note, [peter, enoch])


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        (TEXT + "\n").encode(),
        (TEXT + "\n" + PETER_LINE[:-1]).encode(),
        ("\x01" + TEXT + "\n" + PETER_LINE).encode(),
        b"\xff" + (TEXT + "\n" + PETER_LINE).encode(),
        (TEXT + "\n— Bad Name " + PETER_LINE.split(" ")[2]).encode(),
        (TEXT + "\n" + PETER_LINE + "Unexpected line.\n").encode(),
        (TEXT + "\n" + PETER_LINE.replace("—", "-")).encode(),
        (TEXT + "\n" + PETER_LINE.replace("nAM=", "nAN=")).encode(),  # other bits that base64 does not use
        (TEXT + "\n" + PETER_LINE * 101).encode(),
        (TEXT + "\n— Peter AAAA\n").encode(),
        b"x" * (1 << 21),
    ],
)
def test_what_is_no_note(data: bytes) -> None:
    with pytest.raises(BadNote):
        parse_note(data)


def test_a_key_cut_or_changed_anywhere_is_no_key() -> None:
    for text, parse in ((PETER, VerifierKey.parse), (PETER_PRIVATE, SigningKey.parse)):
        for at in range(len(text)):
            for other in (text[:at], text[at + 1 :], text[:at] + chr(ord(text[at]) + 1) + text[at + 1 :]):
                with pytest.raises(BadKey):
                    parse(other)


def test_keys_are_not_shown() -> None:
    key = SigningKey("n", bytes(range(32)))
    assert repr(key) == "SigningKey('n')"
    for name in ("", "a b", "a+b", "a\tb"):
        with pytest.raises(BadKey):
            SigningKey(name, bytes(32))
    with pytest.raises(BadKey):
        SigningKey("n", b"short")


def test_a_text_that_cannot_be_signed() -> None:
    key = SigningKey("n", bytes(32))
    for text in ("no newline", "a\tb\n", "\ud800\n"):
        with pytest.raises(BadNote):
            sign_note(text, key)
    with pytest.raises(BadNote, match="signatures"):
        sign_note("a\n")


def test_a_text_may_have_empty_lines() -> None:
    key = SigningKey("n", bytes(32))
    note = parse_note(sign_note("a\n\nb\n", key, SigningKey("m", bytes(32))))
    assert note.text == "a\n\nb\n" and len(note.signatures) == 2 and verified(note, [key.verifier])
