"""Each form takes what the vendor's page shows, and nothing that could become two values or another header."""

from __future__ import annotations

import pytest

from weir.tenants.forms import FORMS

UUID = "550e8400-e29b-41d4-a716-446655440000"
FITS = [
    ("uuid", UUID, UUID),
    ("uuid", UUID.upper(), UUID),
    ("domain", "Example.COM", "example.com"),
    ("domain", "xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("tenant", UUID, UUID),
    ("tenant", "contoso.onmicrosoft.com", "contoso.onmicrosoft.com"),
    ("tenant-policy", f"{UUID}:{UUID}", f"{UUID}:{UUID}"),
    ("openai-organization", "org-AbCd1234", "org-AbCd1234"),
    ("slack-id", "T0123ABCD", "T0123ABCD"),
    ("slug", "acme-Corp_1", "acme-Corp_1"),
    ("word", "dbtid:AAB-c", "dbtid:AAB-c"),
    ("block", "block", "block"),
]
MISSES = [
    ("uuid", "550e8400e29b41d4a716446655440000"),
    ("uuid", f"{{{UUID}}}"),
    ("domain", "example"),
    ("domain", "@example.com"),
    ("domain", "https://example.com"),
    ("domain", "10.0.0.1"),
    ("domain", "consumer_accounts"),
    ("tenant-policy", UUID),
    ("openai-organization", "acme"),
    ("slack-id", "acme"),
    ("slug", "-acme"),
    ("block", "allow"),
]


@pytest.mark.parametrize(("form", "value", "read"), FITS)
def test_what_fits(form: str, value: str, read: str) -> None:
    assert FORMS[form].read(value) == read


@pytest.mark.parametrize(("form", "value"), MISSES)
def test_what_does_not(form: str, value: str) -> None:
    assert FORMS[form].read(value) is None


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("added", [",", " ", "\r\nx: y", "\n", ";", "\0", "é"])
def test_no_form_lets_a_value_become_two(form: str, added: str) -> None:
    good = next(value for name, value, _ in FITS if name == form)
    assert FORMS[form].read(good + added) is None and FORMS[form].read(added + good) is None
    assert FORMS[form].read(f"{good}{added}{good}") is None


def test_every_form_says_what_to_write() -> None:
    assert all(form.problem and form.remedy.startswith("write ") for form in FORMS.values())
