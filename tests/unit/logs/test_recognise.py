"""A format is recognised when it is surest by far; else the choices are named."""

from __future__ import annotations

import pytest

from weir.logs.format import Format, Sample
from weir.logs.recognise import Unrecognised, recognise


def formats(*sure: float) -> list[Format]:
    return [Format(f"f{index}", "", lambda sample, value=value: value) for index, value in enumerate(sure)]


@pytest.mark.parametrize(("sure", "name"), [((0.4, 0.6), "f1"), ((1.0, 0.6, 0.0), "f0"), ((0.5,), "f0")])
def test_the_surest(sure: tuple[float, ...], name: str) -> None:
    assert recognise(Sample(b"", ()), formats(*sure)).name == name


@pytest.mark.parametrize(
    ("sure", "said"),
    [((0.4, 0.3), "of no format that can be"), ((), "of no format"), ((0.9, 0.2, 0.8), "be f0 or f2;")],
)
def test_no_guess(sure: tuple[float, ...], said: str) -> None:
    with pytest.raises(Unrecognised, match=said):
        recognise(Sample(b"", ()), formats(*sure))
