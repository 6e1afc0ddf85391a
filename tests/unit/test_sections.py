"""The sections of a policy: what an empty one means."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from weir.sections import Dlp, Intercept, Limits, open_intercept


def test_an_empty_section_is_the_careful_default() -> None:
    dlp = Dlp()
    assert dlp.entities is None and dlp.packs == () and not dlp.pseudonyms.keep and dlp.files.depth_max == 3
    assert Limits().body_bytes_max == 32 << 20


def test_one_word_stands_for_the_scope() -> None:
    assert open_intercept("all") == {"scope": "all"} and open_intercept({"sample": 1}) == {"sample": 1}
    assert Intercept.model_validate(open_intercept("all")).scope == "all"


def test_an_unknown_key_is_a_mistake_and_not_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        Dlp.model_validate({"pack": ["canary-value"]})
    assert "canary-value" not in str(caught.value)
