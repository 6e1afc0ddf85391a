from __future__ import annotations

import base64
import json

import pytest

from weir.dlp.validators import VALIDATORS


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
