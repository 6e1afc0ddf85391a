from __future__ import annotations

import time

import pytest

from weir.providers.services.hosts import HostIndex, overlap, problem, public_suffix


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [
        ("api.acme.example", ""),
        ("*.acme.example", ""),
        ("*-api.acme.example", ""),
        ("api.*.acme.example", ""),
        ("a.b.*.c.acme.example", ""),
        ("acme", "is not a host"),
        ("", "is not a host"),
        ("https://acme.example", "is not a host"),
        ("API.acme.example", "is not a host"),
        ("a..example", "is not a host"),
        ("a_b.acme.example", ""),
        ("x" * 250 + ".example", "is not a host"),
        ("*.example", "is too wide"),
        ("*", "is too wide"),
        ("api.*", "is too wide"),
        ("*.*.acme.example", "has more than one *"),
        ("**.acme.example", "is not a host"),
    ],
)
def test_patterns(pattern: str, wrong: str) -> None:
    assert problem(pattern) == wrong


@pytest.mark.parametrize(
    ("pattern", "suffix"),
    [
        ("*.co.uk", "co.uk"),
        ("*.github.io", "github.io"),
        ("api.*.github.io", "github.io"),
        ("*-x.co.uk", "co.uk"),
        ("*.openai.azure.com", ""),
        ("*-aiplatform.googleapis.com", ""),
        ("*.googleapis.com", "googleapis.com"),
        ("co.uk", ""),
    ],
)
def test_a_wildcard_over_everybodys_domains(pattern: str, suffix: str) -> None:
    assert public_suffix(pattern) == suffix


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("api.a.example", "api.a.example", True),
        ("api.a.example", "*.a.example", True),
        ("a.example", "*.a.example", False),
        ("*.a.example", "*.b.a.example", True),
        ("*.a.example", "*.b.example", False),
        ("x.*.a.example", "x.eu.a.example", True),
        ("x.*.a.example", "y.eu.a.example", False),
        ("x.*.a.example", "x.eu.west.a.example", False),
        ("x.*.a.example", "*.a.example", True),
        ("*-x.a.example", "eu-x.a.example", True),
        ("*-x.a.example", "-x.a.example", False),
        ("*-x.a.example", "*-y.a.example", False),
        ("*-x.a.example", "eu-*.a.example", True),
        ("api.a.example", "api.b.example", False),
    ],
)
def test_overlap(one: str, other: str, both: bool) -> None:
    assert overlap(one, other) is both
    assert overlap(other, one) is both


INDEX = HostIndex(
    {
        "api.a.example": "exact",
        "*.a.example": "below a",
        "*.deep.a.example": "below deep",
        "run.*.a.example": "region",
        "*-place.a.example": "place",
    }
)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("api.a.example", "exact"),
        ("API.A.example.", "exact"),
        ("other.a.example", "below a"),
        ("x.y.a.example", "below a"),
        ("x.deep.a.example", "below deep"),
        ("run.eu-1.a.example", "region"),
        ("run.eu.1.a.example", "below a"),
        ("eu-place.a.example", "place"),
        ("-place.a.example", "below a"),
        ("a.example", None),
        ("a.example.evil", None),
        ("xa.example", None),
        ("x." * 200 + "a.example", None),
        ("", None),
        ("...", None),
    ],
)
def test_the_most_specific_pattern_counts(host: str, found: str | None) -> None:
    assert INDEX.find(host) == found


def test_a_look_up_walks_no_list() -> None:
    many = HostIndex({f"h{n}.*.acme{n}.example": n for n in range(2000)})
    began = time.thread_time()
    for _ in range(1000):
        many.find("one.two.three.example.com")
    assert (time.thread_time() - began) / 1000 < 100e-6  # 3 µs on a quiet machine
