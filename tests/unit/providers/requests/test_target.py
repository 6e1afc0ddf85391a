"""Targets and charsets, read as servers on the way may read them."""

from __future__ import annotations

import pytest

from weir.providers.requests.target import URL, charset_problem, target_texts

PATH = "/v1/chat/completions"


def texts(method: str, target: str, template: str = PATH) -> str:
    found = target_texts(method, target, template, {"key"}, lambda value: value.startswith("KEY-"))
    assert all((segment.pointer, segment.part) == (URL, "url") for segment in found)
    return "\n".join(segment.text for segment in found)


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("POST", PATH, ""),
        ("POST", f"{PATH}?note=two+words", "two words"),
        ("POST", f"{PATH}?a=%2541KIA1234", "%41KIA1234\nAKIA1234"),
        ("POST", "/v1//chat/completions", "/v1//chat/completions"),
        ("BREW-c0ffee1234", PATH, "BREW-c0ffee1234"),
        ("post1234", PATH, "post1234"),
        ("POST", f"{PATH}?key=KEY-12345678", ""),
        ("POST", f"{PATH}?key=sk-0123456789", "sk-0123456789"),
        ("POST", f"{PATH}?%6bey=KEY-12345678", ""),
        ("POST", f"{PATH}?note=KEY-12345678", "KEY-12345678"),
    ],
)
def test_targets(method: str, target: str, expected: str) -> None:
    found = [line for line in texts(method, target).split() if line not in ("%6bey", "key")]
    assert found == expected.split()


@pytest.mark.parametrize(
    ("types", "problem"),
    [
        ([], False),
        (["application/json"], False),
        (["application/json; charset=utf-8"], False),
        (['application/json; charset="UTF8"'], False),
        (["application/json; charset=utf-16"], True),
        (["application/json; charset=utf-8", "application/json; charset=latin1"], True),
        (["application/json; charset=utf-8; charset=utf-7"], True),
    ],
)
def test_charsets(types: list[str], problem: bool) -> None:
    assert bool(charset_problem(types)) is problem
