"""The promises that the nouns themselves make."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

import weir.model
from weir.model import ANONYMOUS, NO_USAGE, Action, Cost, Finding, Inspection, Reply, Secret, Segment, Usage, Verdict

CANARY = "canary" + "-of-this-test"


def test_actions_combine_by_maximum() -> None:
    words = ["allow", "alert", "redact", "pseudonymise", "downgrade", "coach", "block"]
    assert [action.word for action in sorted(Action)] == words
    assert max(Action.REDACT, Action.ALERT, Action.PSEUDONYMISE) is Action.PSEUDONYMISE


def test_inspection_has_these_words_and_no_others() -> None:
    assert set(Inspection) == {"inspected", "partial", "metered", "pinned", "unparsed", "failed"}


@pytest.mark.parametrize("show", [repr, str, "{}".format, "%s".__mod__, "{!r:>60}".format])
def test_a_secret_is_not_shown(show: Any) -> None:
    secret = Secret(CANARY, name="openai", hosts=("api.openai.com",))
    assert CANARY not in show(secret) and "openai" in show(secret)
    assert CANARY not in repr({"secret": secret}) and secret.reveal() == CANARY


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_not_copied(take: Any) -> None:
    with pytest.raises(TypeError) as caught:
        take(Secret(CANARY))
    assert CANARY not in str(caught.value)


def test_a_secret_has_no_dict_and_equals_only_itself() -> None:
    secret = Secret(CANARY)
    assert not hasattr(secret, "__dict__") and secret == secret and secret != Secret(CANARY)


@pytest.mark.parametrize(
    ("hosts", "host", "may"),
    [
        (("api.openai.com",), "API.OpenAI.com.", True),
        (("api.openai.com",), "api.openai.com.evil.example", False),
        (("*.openai.com",), "eu.api.openai.com", True),
        (("*.openai.com",), "openai.com", False),
        (("*.openai.com",), "evilopenai.com", False),
        (("run.*.acme.example",), "run.eu-1.acme.example", True),
        (("run.*.acme.example",), "run.a.b.acme.example", False),
        (("run.*.acme.example",), "run..acme.example", False),
        (("*-run.acme.example",), "eu-run.acme.example", True),
        (("*-run.acme.example",), "a.eu-run.acme.example", False),
        (("*-run.acme.example",), "eu-run.acme.example.evil", False),
        ((), "api.openai.com", False),
    ],
)
def test_where_a_secret_may_go(hosts: tuple[str, ...], host: str, may: bool) -> None:
    assert Secret(CANARY, hosts=hosts).may_go_to(host) is may


def test_texts_are_not_in_any_repr() -> None:
    assert CANARY not in repr(Segment("/a", "user", CANARY)) + repr(Reply(text=CANARY))


def test_nouns_are_frozen() -> None:
    for noun in (ANONYMOUS, NO_USAGE, Cost(), Verdict(), Finding("d", "c", 0, 0, 1, 1.0)):
        name = dataclasses.fields(noun)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(noun, name, "x")


def test_every_name_is_exported_and_exists() -> None:
    defined = {
        name
        for name, value in vars(weir.model).items()
        if getattr(value, "__module__", "") == "weir.model" and not name.startswith("_")
    } | {"ANONYMOUS", "NO_USAGE"}
    assert set(weir.model.__all__) == defined


def test_usages_add_up_with_their_parts() -> None:
    one = Usage(10, 1, 2, 3, 4, "reported", (("audio_ms", 5), ("web_searches", 1)), "batch")
    both = one.plus(Usage(1, 1, 1, 1, 1, "reported", (("audio_ms", 7), ("input_audio_tokens", 2)), "batch"))
    parts = (("audio_ms", 12), ("web_searches", 1), ("input_audio_tokens", 2))
    assert both == Usage(11, 2, 3, 4, 5, "reported", parts, "batch")
    assert NO_USAGE.plus(one) == one and Usage(source="estimated").plus(one).source == "estimated"


def test_what_a_sum_holds_beyond_what_is_known() -> None:
    known = Usage(10, 1, 2, 3, 4, "reported", (("audio_ms", 5),))
    more = Usage(1, 2, 3, 4, 5, "reported", (("audio_ms", 7), ("web_searches", 1)))
    assert known.plus(more).beyond(known) == more
    assert known.beyond(known.plus(more)) == Usage(source="reported")
