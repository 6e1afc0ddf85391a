"""Credentials at the desk: from memory, by work, or slowed; and what is told of the wrong ones."""

from __future__ import annotations

import base64

import pytest

from harness.issuer import ISSUER, NOW, claims, jwks, rsa_key
from weir.identity.build import Passwords
from weir.identity.desk import CHALLENGES, REFUSED_S, Desk
from weir.identity.jwks import KeyStore, parse_jwks
from weir.identity.ldap import DirectoryError
from weir.identity.throttle import FREE_ADDRESS, FREE_NAME, Throttle
from weir.identity.tokens import IssuerRules, Tokens
from weir.model import Principal

HERE, THERE = "10.0.0.1", "10.0.0.2"


class Checks:
    """Everybody's password is ``right``; ``work`` counts the checks that cost something."""

    def __init__(self) -> None:
        self.work = 0
        self.known: set[str] = set()
        self.down = False

    def cached(self, username: str, password: str) -> Principal | None:
        return Principal(user=username, strength=2) if password == "right" and username in self.known else None

    def verify(self, username: str, password: str) -> Principal | None:
        if self.down:
            raise DirectoryError("the directory cannot be asked")
        self.work += 1
        if password != "right":
            return None
        self.known.add(username)
        return Principal(user=username, strength=2)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Room:
    """A desk and what stands around it."""

    def __init__(self) -> None:
        self.checks, self.clock, self.throttle = Checks(), Clock(), Throttle()
        self.store = KeyStore(3600, 86_400)
        self.store.took(parse_jwks(jwks(rsa_key())), 0.0)
        tokens = Tokens([IssuerRules(ISSUER, ("weir",), self.store)])
        self.desk = Desk(Passwords(self.checks), tokens, self.throttle, clock=self.clock, wall=lambda: NOW)


@pytest.fixture
def room() -> Room:
    return Room()


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


TOKEN = "Bearer " + rsa_key().token(claims())


@pytest.mark.parametrize(("header", "source"), [(basic("ada", "right"), "basic"), (TOKEN, "jwt")])
def test_the_first_time_costs_work_and_later_ones_none(room: Room, header: str, source: str) -> None:
    assert room.desk.quick(header, HERE) is None
    said = room.desk.slow(header, HERE)
    assert said.source == source and said.answer.principal and said.answer.principal.user == "ada"
    assert room.desk.quick(header, THERE) == said


def test_what_is_neither_is_wrong_unless_nobody_asks_for_any(room: Room) -> None:
    for header in ("", "Basic", "Digest x", "Bearer x", "Negotiate abc", "Basic !!!", "\udcff"):
        said = room.desk.quick(header, HERE)
        assert said and said.answer.why == "cannot be read" and said.source == ""
    nobody = Desk(Passwords(None), None, Throttle())
    for header in (TOKEN, basic("ada", "right"), "x"):
        said = nobody.quick(header, HERE)
        assert said and not said.answer.why and said.answer.principal is None
    only = Desk(Passwords(Checks()), None, Throttle())
    said = only.quick(TOKEN, HERE)
    assert said and said.answer.why, "a token where none is taken is not overlooked"


def test_guessing_is_slowed_before_any_work_and_told(room: Room) -> None:
    for number in range(FREE_NAME + 1):
        said = room.desk.slow(basic("ada", f"guess{number}"), HERE)
        assert said.failures == number + 1 and "wrong" in said.answer.why
    work = room.checks.work
    slowed = room.desk.quick(basic("ada", "right"), THERE)
    assert slowed and slowed.retry_after_s > 0 and slowed.answer.principal is None
    assert room.desk.slow(basic("ada", "another"), HERE).retry_after_s > 0 and room.checks.work == work
    room.clock.now = 60.0
    assert room.desk.slow(basic("ada", "right"), THERE).answer.principal
    room.clock.now = 60.0
    assert room.desk.slow(basic("ada", "typo"), THERE).failures == 1, "a login begins a new count"


def test_who_is_known_is_not_locked_out_by_another(room: Room) -> None:
    room.desk.slow(basic("ada", "right"), HERE)
    for number in range(FREE_ADDRESS + 10):
        room.desk.slow(basic("ada", f"guess{number}"), THERE)
    said = room.desk.quick(basic("ada", "right"), THERE)
    assert said and said.answer.principal


def test_an_old_password_that_keeps_coming_is_counted_once(room: Room) -> None:
    for second in range(0, 3600, 7):
        room.clock.now = float(second)
        said = room.desk.slow(basic("ada", "old"), HERE)
        assert said.failures == 1 and said.retry_after_s == 0
    assert room.checks.work <= 3600 / REFUSED_S
    assert room.desk.slow(basic("bob", "right"), HERE).answer.principal


def test_bad_tokens_are_counted_and_hold_up_nobody_behind_the_same_address(room: Room) -> None:
    for number in range(FREE_ADDRESS + 1):
        bad = rsa_key("foreign").token(claims(jti=str(number)), kid="r1")
        said = room.desk.slow("Bearer " + bad, HERE)
        assert "signature" in said.answer.why and said.failures == number + 1
    other = "Bearer " + rsa_key().token(claims(sub="bob"))
    assert room.desk.slow(other, HERE).answer.principal
    assert room.desk.slow(basic("ada", "right"), HERE).answer.principal, "nor passwords"


def test_guesses_at_passwords_hold_up_no_token_behind_the_same_address(room: Room) -> None:
    for number in range(FREE_ADDRESS + 5):
        room.desk.slow(basic(f"user{number}", "guess"), HERE)
    slowed = room.desk.quick(basic("bob", "right"), HERE)
    assert slowed and slowed.retry_after_s > 0
    assert room.desk.slow("Bearer " + rsa_key().token(claims(jti="fresh")), HERE).answer.principal


def test_who_logged_in_is_not_locked_out_when_that_is_no_longer_in_memory(room: Room) -> None:
    room.desk.slow(basic("ada", "right"), HERE)
    room.checks.known.clear()  # a directory's answers hold for minutes, and a changed policy begins with none
    for number in range(FREE_ADDRESS + 10):
        room.desk.slow(basic("ada", f"guess{number}"), HERE)
    desk = Desk(Passwords(room.checks), None, room.throttle, clock=room.clock)
    assert desk.slow(basic("ada", "right"), HERE).answer.principal
    held = desk.quick(basic("ada", "guess"), HERE)
    assert held and held.retry_after_s > 0


def test_an_issuer_or_directory_that_is_down_is_nobodys_guess(room: Room) -> None:
    room.clock.now = 90_000.0
    for _ in range(FREE_ADDRESS + 5):
        said = room.desk.slow(TOKEN, HERE)
        assert said.answer.principal is None and "cannot be had" in said.answer.why and not said.failures
        assert said.down
    room.checks.down = True
    said = room.desk.slow(basic("ada", "right"), HERE)
    assert said.down and said.answer.principal is None and said.answer.why == "the directory cannot be asked"
    assert len(room.throttle) == 0


def test_memory_is_bounded(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.identity.desk.REFUSED_MAX", 10)
    for number in range(100):
        room.desk.slow(basic(f"user{number}", "guess"), f"10.1.{number}.1")
    assert len(room.desk._refused) == 10


def test_both_challenges_name_a_scheme() -> None:
    assert [challenge.split()[0] for challenge in CHALLENGES] == ["Basic", "Bearer"]


def test_a_token_that_has_ended_is_late_and_guesses_nothing(room: Room) -> None:
    late = "Bearer " + rsa_key().token(claims(iat=int(NOW) - 7200, exp=int(NOW) - 3600))
    for _ in range(FREE_ADDRESS + 5):
        said = room.desk.slow(late, HERE)
        assert said.answer.why == "the token has expired" and not said.failures and not said.down
    assert len(room.throttle) == 0
    forged = "Bearer " + rsa_key("foreign").token(claims(exp=int(NOW) - 3600), kid="r1")
    assert room.desk.slow(forged, HERE).failures == 1, "its times are believed only when its signature is right"


def test_what_was_wrong_is_checked_anew_when_passwords_have_changed(room: Room) -> None:
    assert room.desk.slow(basic("ada", "old"), HERE).failures == 1
    assert room.desk.quick(basic("ada", "old"), HERE)
    room.desk.forget()
    assert room.desk.quick(basic("ada", "old"), HERE) is None
    assert room.desk.slow(basic("ada", "old"), HERE).failures == 2, "what was counted stays counted"


def test_what_was_right_before_is_no_guess(room: Room) -> None:
    for number in range(FREE_NAME + 2):
        room.desk.slow(basic("ada", f"guess{number}"), THERE)
        room.clock.now += 100.0 if number < FREE_NAME else 0.0
    slowed = room.desk.quick(basic("ada", "right"), HERE)
    assert slowed and slowed.retry_after_s
    assert room.desk.quick(basic("ada", "right"), HERE, again=True) is None
    assert room.desk.slow(basic("ada", "right"), HERE, True).answer.principal


def test_a_check_that_was_under_way_when_passwords_changed_is_not_kept(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = room.checks.verify

    def slowly(username: str, password: str) -> Principal | None:
        room.desk.forget()
        return verify(username, password)

    monkeypatch.setattr(room.checks, "verify", slowly)
    assert room.desk.slow(basic("ada", "old"), HERE).answer.why
    assert room.desk.quick(basic("ada", "old"), HERE) is None
