"""env:NAME"""

from __future__ import annotations

import pytest

from weir.keys.backends import SecretUnavailable
from weir.keys.backends.env import fetch


def test_the_variable_is_read_without_outer_white_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_TEST_KEY", " synthetic \n")
    assert fetch("WEIR_TEST_KEY") == "synthetic"


def test_an_unset_or_empty_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEIR_TEST_KEY", raising=False)
    with pytest.raises(SecretUnavailable, match="WEIR_TEST_KEY is not set"):
        fetch("WEIR_TEST_KEY")
    monkeypatch.setenv("WEIR_TEST_KEY", "  ")
    with pytest.raises(SecretUnavailable, match="WEIR_TEST_KEY is not set"):
        fetch("WEIR_TEST_KEY")


@pytest.mark.parametrize("reference", ["", "1A", "A-B", "a=b", "A\n", "A" * 129])
def test_what_is_no_name_is_not_quoted(reference: str) -> None:
    with pytest.raises(SecretUnavailable) as caught:
        fetch(reference)
    assert str(caught.value) == "what follows env: is not a variable name; write env:OPENAI_API_KEY"
