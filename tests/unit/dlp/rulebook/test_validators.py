from __future__ import annotations

import base64
import json

import pytest

from weir.dlp.rulebook.validators import VALIDATORS, crc62
from weir.keys.virtual import looks_virtual, new_key


def b64(text: str | bytes) -> str:
    return base64.urlsafe_b64encode(text.encode() if isinstance(text, str) else text).decode().rstrip("=")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("jwt", b64(json.dumps({"alg": "RS256", "kid": "1"})) + ".e30.sig", True),
        ("jwt", b64(json.dumps({"alg": "dir", "enc": "A256GCM"})) + ".x.y", True),
        ("jwt", b64(json.dumps({"kid": "1"})) + ".e30.sig", False),
        ("jwt", b64("[1]") + ".e30.sig", False),
        ("jwt", b64("{not json") + ".e30.sig", False),
        ("jwt", b64(b"\xff\xfe") + ".e30.sig", False),
        ("jwt", "!!!.e30.sig", False),
        ("jwt", "a.b.c", False),
        ("jwt", "", False),
        ("jwt", b64("[" * 9000) + ".e30.sig", False),
        ("basic_credentials", b64("bob:horse"), True),
        ("basic_credentials", b64("bob:horse:battery"), True),
        ("basic_credentials", b64("bob"), False),
        ("basic_credentials", b64(":horse"), False),
        ("basic_credentials", b64("bob:"), False),
        ("basic_credentials", b64(b"\xff:\xfe"), False),
        ("basic_credentials", b64("bob:a\x00b"), False),
        ("basic_credentials", "%%%%", False),
        ("crc62", "abc" + crc62("abc"), True),
        ("crc62", "abd" + crc62("abc"), False),
        ("crc62", "", False),
        ("crc62", "é000000", False),
        ("crc62_body", "ghx_abc" + crc62("abc"), True),
        ("crc62_body", "ghx_abd" + crc62("abc"), False),
        ("letters_digits", "abc1", True),
        ("letters_digits", "a-b-c", False),
        ("assigned", "a1b2c3d4", True),
        ("assigned", "Sommer2026!ab", True),
        ("assigned", "oauth2-token-v1", False),
        ("assigned", "abcdefgh", False),
        ("bitlocker", "-".join(["135795", "246906", "358017", "469128", "570240", "681351", "102465", "213576"]), True),
        (
            "bitlocker",
            "-".join(["135796", "246906", "358017", "469128", "570240", "681351", "102465", "213576"]),
            False,
        ),
        ("bitlocker", "-".join(["111111"] * 8), False),
        ("bitlocker", "135795-246906", False),
        ("distinct_words", "apple brick cedar dance eagle fabric", True),
        ("distinct_words", "apple brick the dance eagle fabric", False),
        ("distinct_words", "apple apple apple apple", False),
        ("no_vocabulary", "xkcd qwrt zlpm bnhg", True),
        ("no_vocabulary", "page need your best", False),
        ("sasl_plain", b64("\0bob\0horse"), True),
        ("sasl_plain", b64("bob-horse"), True),
        ("sasl_plain", b64("bob"), False),
        ("sasl_plain", b64(b"\xff\xfe\x00"), False),
        ("sasl_plain", "%%%", False),
        ("mixed", "abc1", True),
        ("mixed", "pa$$word", True),
        ("mixed", "well-known", False),
        ("mixed", "password", False),
        ("mixed", "12345", False),
        ("mixed", "", False),
    ],
)
def test_validator(name: str, value: str, expected: bool) -> None:
    assert VALIDATORS[name](value) is expected


def test_the_checksum_is_that_of_weirs_own_keys() -> None:
    key = new_key()
    assert looks_virtual(key) and VALIDATORS["crc62"](key)
    other = key[:20] + ("a" if key[20] != "a" else "b") + key[21:]
    assert not looks_virtual(other) and not VALIDATORS["crc62"](other)
