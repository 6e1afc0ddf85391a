"""Every reason why a virtual key is not replaced, in the order in which they count."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from weir.addresses import network
from weir.keys.credentials import Presented
from weir.keys.held import Fetched, Held
from weir.keys.live import LiveSecret
from weir.keys.refusal import UNCHECKED, Asked, key_refusal, refusal
from weir.keys.virtual import VirtualKey
from weir.model import AuthPlace, Secret

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOST = "api.openai.com"
SECRET = Secret("value", hosts=(HOST,))
OPENAI = Asked("openai")
KEYS = {
    "good": VirtualKey("vk-1"),
    "else": VirtualKey("vk-8"),
    "revoked": VirtualKey("vk-2", revoked=NOW),
    "expired": VirtualKey("vk-3", expires=NOW - timedelta(seconds=1)),
    "narrow": VirtualKey("vk-4", services=("anthropic",)),
    "rotated": VirtualKey("vk-5", grace_until=NOW),
    "inside": VirtualKey("vk-6", networks=(network("10.0.0.0/8"),)),
    "chat": VirtualKey("vk-7", operations=("chat",), models=("gpt-5*",)),
}


class Ring:
    trouble = ""

    def lookup(self, presented: str) -> VirtualKey | None:
        return KEYS.get(presented)


def shown(value: str, *, declared: bool = True, virtual: bool = True) -> Presented:
    return Presented(AuthPlace(header="authorization"), value, 0, declared=declared, virtual=virtual)


def replaced(value: str) -> Presented:
    return dataclasses.replace(shown(value, virtual=False), replace=True)


@pytest.mark.parametrize(
    ("presented", "secret", "names", "said"),
    [
        ([shown("good")], SECRET, (HOST,), ""),
        ([shown("good"), shown("raw", virtual=False)], SECRET, (HOST,), "Another credential stands beside"),
        ([replaced("raw"), shown("raw", virtual=False)], SECRET, (HOST,), "Another credential stands beside"),
        ([replaced("raw"), replaced("own")], SECRET, (HOST,), ""),
        ([shown("good"), shown("good")], SECRET, (HOST,), ""),
        ([shown("good")] * 16, SECRET, (HOST,), ""),
        ([shown("good")] * 17, SECRET, (HOST,), "Too many"),
        ([replaced("raw")] * 17, SECRET, (HOST,), "Too many"),
        ([shown("good"), shown("else")], SECRET, (HOST,), "Two virtual keys"),
        ([shown("never-issued")], SECRET, (HOST,), "not known"),
        ([shown("revoked")], SECRET, (HOST,), "revoked"),
        ([shown("expired")], SECRET, (HOST,), "expired"),
        ([shown("narrow")], SECRET, (HOST,), "service"),
        ([shown("rotated")], SECRET, (HOST,), "replaced by a new one"),
        ([shown("good", declared=False)], SECRET, (HOST,), "takes no credential"),
        ([shown("good"), shown("revoked")], SECRET, (HOST,), "revoked"),  # one bad key spoils the request
        ([shown("good")], None, (HOST,), "No key of the company's is available for openai"),
        ([shown("good")], SECRET, (HOST, "evil.example"), "not bound"),
        ([shown("good")], SECRET, ("evil.example",), "not bound"),
        ([shown("good")], Secret("value"), (HOST,), "not bound"),
    ],
)
def test_reasons(presented: list[Presented], secret: Secret | None, names: tuple[str, ...], said: str) -> None:
    found = refusal(presented, Ring(), secret, OPENAI, names, NOW)
    assert said in found if said else found == ""
    assert "value" not in found


def test_a_service_without_a_name() -> None:
    assert "for this host" in refusal([shown("good")], Ring(), None, Asked(""), ("shop.example",), NOW)


def test_nothing_goes_over_a_connection_that_is_not_verified() -> None:
    assert "verified TLS" in refusal([shown("good")], Ring(), SECRET, OPENAI, (), NOW)


def test_a_key_that_is_renewed_is_used_only_while_it_is_there() -> None:
    clock = [1000.0]
    held = Held("keys.openai", lambda: Fetched("value", 1100.0), wall=lambda: clock[0], mono=lambda: clock[0])
    secret = LiveSecret(held, name="openai", hosts=(HOST,))
    assert "No key of the company's" in refusal([shown("good")], Ring(), secret, OPENAI, (HOST,), NOW)
    held.refresh()
    assert refusal([shown("good")], Ring(), secret, OPENAI, (HOST,), NOW) == ""
    clock[0] = 1100.0
    assert "No key of the company's" in refusal([shown("good")], Ring(), secret, OPENAI, (HOST,), NOW)


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("inside", Asked("openai", address="10.1.2.3"), ""),
        ("inside", Asked("openai", address="11.1.2.3"), "not good from this network"),
        ("inside", Asked("openai"), ""),
        ("chat", Asked("openai", operation="chat", model="gpt-5-mini"), ""),
        ("chat", Asked("openai", operation="images", model="gpt-5-mini"), "not good for this operation"),
        ("chat", Asked("openai", operation="chat", model="gpt-4o"), "not good for this model"),
        ("chat", Asked("openai", operation="chat", model=""), "not good for this model"),
        ("chat", Asked("openai", operation="chat"), ""),
    ],
)
def test_what_a_key_is_good_for(name: str, asked: Asked, said: str) -> None:
    found = key_refusal([shown(name)], Ring(), asked, NOW)
    assert said in found if said else found == ""


def test_without_its_store_no_key_is_taken() -> None:
    class Stale(Ring):
        trouble = "the store is away"

    assert refusal([shown("good")], Stale(), SECRET, OPENAI, (HOST,), NOW) == UNCHECKED
    assert key_refusal([shown("raw", virtual=False)], Stale(), OPENAI, NOW) == ""
