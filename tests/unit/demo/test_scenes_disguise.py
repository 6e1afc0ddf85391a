"""The scene of disguises: a key that gets through, or is told back, is seen as a difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from weir.demo.scenes_disguise import DISGUISED
from weir.demo.scenes_model import Cast, play

from .conftest import BadRequest, FakeSdk


def refusal(text: str) -> Exception:
    return BadRequest("The request holds a credential (weir rule: no-credentials-leave)")


def test_each_sdk_wears_another(cast: Cast, sdk: FakeSdk) -> None:
    sdk.refuse = refusal
    sdks = tuple(replace(sdk, kind=kind) for kind in ("openai", "anthropic", "gemini"))
    outcome = play(DISGUISED, replace(cast, sdks=sdks))
    assert (outcome.seen, outcome.ok) == ("base64, hex, full-width letters: refused; nothing upstream", True)


@pytest.mark.parametrize(
    ("refuse", "seen"),
    [
        (lambda text: None, "the credential in base64 was not refused"),
        (lambda text: BadRequest("weir rule: other"), "the refusal does not name the rule"),
        (lambda text: BadRequest(f"no-credentials-leave: {text}"), "the refusal quotes the credential"),
    ],
)
def test_it_differs(cast: Cast, sdk: FakeSdk, refuse: Callable[[str], Exception | None], seen: str) -> None:
    sdk.kind, sdk.refuse = "openai", refuse
    outcome = play(DISGUISED, cast)
    assert (outcome.seen, outcome.ok) == (f"fake: {seen}", False)
