"""Tickets and grants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from weir.policy.coach import REASON_MAX, TICKET_S, Coaching, Held, plain_reason

REASON = "asked for by the lawyers"
MAIL = frozenset({"pii/EMAIL_ADDRESS"})


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def coaching(clock: Clock) -> Coaching:
    return Coaching(clock)


def held(caller: str = "bob", rules: Mapping[str, frozenset[str]] | None = None, **more: str) -> Held:
    return Held(caller, more.pop("address", "10.0.0.1"), "openai", rules or {"mail": MAIL}, "mail", **more)


def test_a_reason_excuses_the_caller_for_rule_service_and_detectors(coaching: Coaching, clock: Clock) -> None:
    token, ticket = coaching.hold(held())
    assert coaching.excused("bob", "openai", "mail", MAIL) is None
    assert coaching.grant(token, "10.0.0.1", "", REASON, 60) == ticket
    grant = coaching.excused("bob", "openai", "mail", MAIL)
    assert grant is not None and (grant.id, grant.reason) == (ticket.id, REASON)
    assert coaching.excused("bob", "openai", "mail", frozenset()) is grant
    for name in (("eve", "openai", "mail"), ("bob", "mistral", "mail"), ("bob", "openai", "other")):
        assert coaching.excused(*name, MAIL) is None
    assert coaching.excused("bob", "openai", "mail", MAIL | {"pii/IBAN_CODE"}) is None
    clock.now += 3599
    assert coaching.excused("bob", "openai", "mail", MAIL)
    clock.now += 1
    assert coaching.excused("bob", "openai", "mail", MAIL) is None


def test_a_token_is_for_one_reason(coaching: Coaching) -> None:
    token, ticket = coaching.hold(held())
    assert coaching.look(token, "10.0.0.1", "") == ticket == coaching.look(token, "10.0.0.1", "")
    assert coaching.grant(token, "10.0.0.1", "", REASON, 60)
    assert coaching.look(token, "10.0.0.1", "") is None
    assert coaching.grant(token, "10.0.0.1", "", REASON, 60) is None


def test_a_token_expires(coaching: Coaching, clock: Clock) -> None:
    token, _ = coaching.hold(held())
    clock.now += TICKET_S
    assert coaching.look(token, "10.0.0.1", "") is None
    assert coaching.grant(token, "10.0.0.1", "", REASON, 60) is None
    coaching.hold(held("eve"))
    assert "1 tickets" in repr(coaching)


@pytest.mark.parametrize(
    ("of", "address", "user", "valid"),
    [
        ("", "10.0.0.1", "", True),
        ("", "10.0.0.1", "ann", True),
        ("ann", "10.0.0.1", "", True),  # a program's key is hers; the browser shows none
        ("ann", "10.0.0.1", "ann", True),
        ("ann", "10.0.0.1", "bob", False),
        ("", "10.0.0.2", "", False),
        ("ann", "10.0.0.2", "ann", False),
        ("", "", "", False),
    ],
)
def test_whose_token_it_is(coaching: Coaching, of: str, address: str, user: str, valid: bool) -> None:
    token, _ = coaching.hold(held(user=of))
    assert (coaching.look(token, address, user) is not None) is valid
    assert (coaching.grant(token, address, user, REASON, 60) is not None) is valid


@pytest.mark.parametrize("token", ["", "x", "\ud800", "/", "a" * 10_000])
def test_unknown_tokens(coaching: Coaching, token: str) -> None:
    coaching.hold(held())
    assert coaching.look(token, "10.0.0.1", "") is None


def test_the_same_request_again_gets_the_same_page(coaching: Coaching, clock: Clock) -> None:
    token, ticket = coaching.hold(held())
    clock.now += 500
    again, later = coaching.hold(held())
    assert again == token and later.id == ticket.id and later.expires == ticket.expires + 500
    clock.now += 200
    assert coaching.look(token, "10.0.0.1", "") is not None
    others = [held("eve"), held(address="10.0.0.2"), held(rules={"other": MAIL}), held(back="https://x/")]
    assert token not in [coaching.hold(one)[0] for one in others]


def test_one_caller_does_not_push_out_another(coaching: Coaching) -> None:
    token, _ = coaching.hold(held("eve"))
    tokens = [coaching.hold(held(back=f"https://x/{n}"))[0] for n in range(100)]
    assert coaching.look(token, "10.0.0.1", "") is not None
    assert [coaching.look(one, "10.0.0.1", "") is not None for one in tokens] == [False] * 68 + [True] * 32


def test_all_together_are_bounded(coaching: Coaching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.policy.coach._TICKETS_MAX", 5)
    monkeypatch.setattr("weir.policy.coach._GRANTS_MAX", 3)
    for number in range(20):
        coaching.hold(held(f"caller {number}"))
        token, _ = coaching.hold(held(f"caller {number}", rules={"second": MAIL}))
        coaching.grant(token, "10.0.0.1", "", REASON, 60)
    assert repr(coaching) == "Coaching(4 tickets, 3 grants)"


def test_reasons_for_other_detectors_stand_side_by_side(coaching: Coaching) -> None:
    for detectors in (MAIL, frozenset({"pii/IBAN_CODE"})):
        token, _ = coaching.hold(held(rules={"mail": detectors}))
        coaching.grant(token, "10.0.0.1", "", REASON, 60)
    assert coaching.excused("bob", "openai", "mail", MAIL)
    assert coaching.excused("bob", "openai", "mail", frozenset({"pii/IBAN_CODE"}))
    assert coaching.excused("bob", "openai", "mail", MAIL | {"pii/IBAN_CODE"}) is None


def test_rules_that_went_take_their_grants_along(coaching: Coaching) -> None:
    rules: Mapping[str, frozenset[str]] = {"mail": MAIL, "service": frozenset()}
    token, _ = coaching.hold(held(rules=rules))
    coaching.grant(token, "10.0.0.1", "", REASON, 60)
    waiting, _ = coaching.hold(held(rules=rules))
    staying, _ = coaching.hold(held(rules={"service": frozenset()}))
    coaching.keep_only({"service", "another"})
    assert coaching.excused("bob", "openai", "mail", MAIL) is None
    assert coaching.excused("bob", "openai", "service", frozenset())
    assert coaching.look(waiting, "10.0.0.1", "") is None and coaching.look(staying, "10.0.0.1", "")
    coaching.keep_only({"mail", "service"})
    assert coaching.excused("bob", "openai", "mail", MAIL) is None


def test_detectors_of_a_ticket(coaching: Coaching) -> None:
    _, ticket = coaching.hold(held(rules={"a": frozenset({"z", "b"}), "c": frozenset({"b"}), "d": frozenset()}))
    assert ticket.detectors == ("b", "z")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  for the\r\n audit\t2026 ", "for the audit 2026"),
        ("too short", ""),
        ("          .          ", ""),
        ("x" * REASON_MAX, "x" * REASON_MAX),
        ("x" * (REASON_MAX + 1), ""),
        ("x" * 1_000_000, ""),
        ("ten\x00\x1b[31m more", "ten [31m more"),
        ("a\u202eb right to left", "a b right to left"),
    ],
)
def test_plain_reasons(text: str, plain: str) -> None:
    assert plain_reason(text) == plain


def test_reprs_hide_what_people_wrote(coaching: Coaching) -> None:
    token, ticket = coaching.hold(held(say="canary", back="https://canary/"))
    coaching.grant(token, "10.0.0.1", "", "canary canary", 60)
    shown = repr(coaching) + repr(ticket) + repr(coaching.excused("bob", "openai", "mail", MAIL))
    assert "canary" not in shown and token not in shown
    assert replace(ticket, expires=0.0).held == ticket.held
