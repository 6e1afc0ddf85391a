from __future__ import annotations

import pytest

from weir.dlp.rulebook.examples import expand
from weir.dlp.rulebook.placeholders import before, entropy_bits, is_filler, is_sample

SAMPLES = (
    "AKIAIOSFODNN7EXAMPLE",
    "sk-proj-xxxxxxxxxxxxxxxxxxxx",
    "sk-ant-api03-****",
    "<your-key>",
    "your_api_key_here",
    "aaaaaaaaaaaaaaaaaaaaaaaa",
    "abababababababab",
    "0000000000000000",
    "1234567890abcdef",
    "abcdefghijklmnop",
    "12345678",
    "[REDACTED:openai-key]",
    "deadbeefdeadbeef",
)
FILLERS = (
    "changeme",
    "change-me-please",
    "password123",
    "hunter-placeholder",
    "${DB_PASSWORD}",
    "$TOKEN",
    "{{ vault.password }}",
    "%(password)s",
    "process.env.KEY1",
    "os.environ",
    "getPassword",
    "your-password",
    "test1234",
    "none",
)
REAL = ("{b62:20}", "{hex:32}", "{b64:40}", "Tr0ub4dor&3x", "kX9#mQ2!vL")


@pytest.mark.parametrize("value", SAMPLES)
def test_samples(value: str) -> None:
    assert is_sample(value) and is_filler(value)


@pytest.mark.parametrize("value", FILLERS)
def test_fillers(value: str) -> None:
    assert is_filler(value)


@pytest.mark.parametrize("value", REAL)
def test_real_values(value: str) -> None:
    assert not is_filler(expand(value, "real"))


@pytest.mark.parametrize("length", [16, 40, 64, 300, 1700, 6000])
@pytest.mark.parametrize("alphabet", ["hex", "b62", "b64"])
def test_a_long_random_value_is_no_sample(alphabet: str, length: int) -> None:
    assert not is_sample(expand(f"{{{alphabet}:{min(length, 9999)}}}", f"{alphabet}{length}"))


@pytest.mark.parametrize(("value", "bits"), [("", 0.0), ("aaaa", 0.0), ("abab", 1.0), ("abcd", 2.0)])
def test_entropy(value: str, bits: float) -> None:
    assert entropy_bits(value) == pytest.approx(bits)


@pytest.mark.parametrize(
    ("text", "reach", "near"),
    [
        ("phone 12", 100, "phone "),
        ("phone 12", 3, "ne "),
        ("phone <PHONE_NUMBER_1> or 12", 100, " or "),
        ("phone [REDACTED:PHONE_NUMBER] or 12", 100, " or "),
        ("phone [REDACTED:PHONE_NUMBER] or 12", 10, " or "),
        ("phone <b> [x] 12", 100, "phone <b> [x] "),
    ],
)
def test_before_stops_at_what_weir_wrote(text: str, reach: int, near: str) -> None:
    assert before(text, text.index("12"), reach) == near
