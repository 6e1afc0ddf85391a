"""The scenes of what must not leave: each way in which it could leak is seen as a difference."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from weir.demo import scenes_dlp
from weir.demo.scenes_dlp import ADDRESS, CREDENTIAL, PERSONAL, STAND_IN, access_key
from weir.demo.scenes_model import Cast, play

from .conftest import BadRequest, FakeSdk, FakeUpstream, arrived


def mask(text: str) -> str:
    return text.replace(ADDRESS, STAND_IN)


def restore(text: str) -> str:
    return text.replace(STAND_IN, ADDRESS)


def test_personal(cast: Cast, sdk: FakeSdk, upstream: FakeUpstream) -> None:
    sdk.edit, sdk.undo = mask, restore
    plain = replace(sdk, kind="gemini")
    outcome = play(PERSONAL, replace(cast, sdks=(sdk, plain)))
    assert outcome.ok, outcome.seen
    assert "1 whole reply" in outcome.seen and ADDRESS not in outcome.seen


@pytest.mark.parametrize(
    ("edit", "undo", "seen"),
    [
        (str, str, "the address reached the provider"),
        (lambda text: text.replace(ADDRESS, "***"), str, "the provider got no stand-in"),
        (mask, str, "the client did not get its own words back"),
    ],
)
def test_personal_differs(
    cast: Cast, sdk: FakeSdk, edit: Callable[[str], str], undo: Callable[[str], str], seen: str
) -> None:
    sdk.edit, sdk.undo = edit, undo
    outcome = play(PERSONAL, cast)
    assert (outcome.seen, outcome.ok) == (f"fake: {seen}", False)


def test_an_address_at_the_streams_end_is_no_streaming(
    cast: Cast, sdk: FakeSdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes_dlp, "PROMPT", f"Write to {ADDRESS}")
    sdk.edit, sdk.undo = mask, restore
    assert play(PERSONAL, cast).seen == "fake: the address came only at the stream's end"


def refusal(text: str) -> Exception:
    return BadRequest("The request holds a credential (weir rule: no-credentials-leave)")


def test_credential(cast: Cast, sdk: FakeSdk) -> None:
    sdk.refuse = refusal
    outcome = play(CREDENTIAL, cast)
    assert (outcome.seen, outcome.ok) == ("fake: BadRequest; nothing upstream", True)


@pytest.mark.parametrize(
    ("refuse", "seen"),
    [
        (lambda text: None, "fake: the credential was not refused"),
        (lambda text: BadRequest("no-credentials-leave", 403), "fake: refused with status 403, not 400"),
        (lambda text: BadRequest("No."), "fake: the refusal does not name the rule"),
        (lambda text: BadRequest(f"no-credentials-leave: {text}"), "fake: the refusal quotes the credential"),
        (lambda text: ValueError(text), "ValueError"),
    ],
)
def test_credential_differs(cast: Cast, sdk: FakeSdk, refuse: Callable[[str], Exception | None], seen: str) -> None:
    sdk.refuse = refuse
    outcome = play(CREDENTIAL, cast)
    assert (outcome.seen, outcome.ok) == (seen, False)


def test_a_refusal_after_the_fact(cast: Cast, sdk: FakeSdk, upstream: FakeUpstream) -> None:
    def late(text: str) -> Exception:
        upstream.requests.append(arrived(len(upstream.requests) + 1))
        return refusal(text)

    sdk.refuse = late
    assert play(CREDENTIAL, cast).seen == "1 requests with the credential went upstream"


def test_a_connection_without_a_request_counts_too(cast: Cast, sdk: FakeSdk, upstream: FakeUpstream) -> None:
    def opening(text: str) -> Exception:
        upstream.opened += 1
        return refusal(text)

    sdk.refuse = opening
    assert play(CREDENTIAL, cast).seen == "1 connections were opened upstream"


def test_access_key() -> None:
    keys = {access_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(re.fullmatch("AKIA[A-Z2-7]{16}", key) for key in keys)
