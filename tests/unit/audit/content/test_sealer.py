from __future__ import annotations

import hashlib
import os

import pytest

from weir.audit.content import sealer as module
from weir.audit.content.entries import BadEntry, Entry, SealedPart
from weir.audit.content.keyfile import digest_of
from weir.audit.content.parts import CalledTool, Content, Text, content_of, parts_of
from weir.audit.content.sealer import Sealed, Sealer, open_entry
from weir.audit.content.slots import Erased, Erasure
from weir.audit.record import new_event_id

from .conftest import talk

SALT = b"s" * 32


class Stage:
    """A sealer whose generation the test sets."""

    def __init__(self, **given: int) -> None:
        self.generation = 1
        self.sealer = Sealer(SALT, generation=lambda: self.generation, **given)

    def seal(self, content: Content | None = None, user: str = "anna", ts_us: int = 1000, day: int = 20_000) -> Sealed:
        made = self.sealer.seal(
            content or talk(), event_id=new_event_id(), user=user, conversation="c", ts_us=ts_us, expires_day=day
        )
        assert made is not None
        return made


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.mark.parametrize("content", [talk(), talk("x" * 5000), Content(reply="r"), Content((Text("user", ""),))])
def test_what_was_sealed_opens(stage: Stage, content: Content) -> None:
    made = stage.seal(content)
    assert open_entry(Entry.unpack(made.payload), made.key.secret) == content_of(parts_of(content))
    assert made.content_ct_hash == hashlib.sha256(made.payload).hexdigest()


def test_nothing_stands_there_in_clear(stage: Stage) -> None:
    made = stage.seal(talk("violet"))
    assert b"violet" not in made.payload
    assert b"anna" not in made.payload
    assert made.key.secret not in made.payload
    assert "violet" not in repr(made)
    assert repr(made.key.secret) not in repr(made) + repr(stage.sealer)


def test_each_tool_call_has_a_hash_of_its_own(stage: Stage) -> None:
    calls = tuple(CalledTool("t", "{}") for _ in range(3))
    made = stage.seal(Content((Text("user", "a"),), "b", calls))
    parts = Entry.unpack(made.payload).parts
    assert made.args_ct_hashes == tuple(part.ct_hash for part in parts[2:])
    assert len(set(made.args_ct_hashes)) == 3  # the same arguments, and yet


def test_no_nonce_comes_twice() -> None:
    stage = Stage(keys_max=2)
    seen: set[tuple[bytes, int]] = set()
    for number in range(200):
        made = stage.seal(user=f"u{number % 3}")
        if number == 100:
            stage.generation += 1
        for part in Entry.unpack(made.payload).parts:
            assert (made.key.secret, part.nonce) not in seen
            seen.add((made.key.secret, part.nonce))


def test_a_key_serves_one_owner_and_one_day(stage: Stage) -> None:
    first = stage.seal()
    assert stage.seal().key is first.key
    assert stage.seal(user="bert").key is not first.key
    assert stage.seal(day=20_001).key is not first.key
    assert stage.sealer.held == 3


def test_keys_in_memory_are_bounded() -> None:
    stage = Stage(keys_max=4)
    first = stage.seal(user="first").key
    for number in range(20):
        stage.seal(user=f"u{number}")
    assert stage.sealer.held == 4
    assert stage.seal(user="first").key is not first  # one that left never comes back


def test_after_an_erasure_no_key_is_used_again(stage: Stage) -> None:
    first = stage.seal().key
    stage.generation += 1
    assert stage.seal().key is not first
    stage.generation += 1
    stage.sealer.forget()
    assert stage.sealer.held == 0


def test_after_a_fork_no_key_is_used_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    first = stage.seal().key
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert stage.seal().key is not first


def test_a_key_that_was_used_too_often_is_replaced(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NONCES_MAX", 7)
    keys = [stage.seal().key for _ in range(4)]  # three parts each
    assert keys[0] is keys[1]
    assert keys[2] is keys[3]
    assert keys[1] is not keys[2]


def test_what_belongs_to_an_erased_past_is_not_sealed(stage: Stage) -> None:
    stage.sealer.erased = Erased([Erasure(b"e" * 16, digest_of(SALT, "user", "anna"), "user", 1000)])
    given = {"event_id": new_event_id(), "conversation": "c", "expires_day": 20_000}
    assert stage.sealer.seal(talk(), user="anna", ts_us=1000, **given) is None  # type: ignore[arg-type]
    assert stage.sealer.seal(talk(), user="anna", ts_us=1001, **given)  # type: ignore[arg-type]
    assert stage.sealer.seal(talk(), user="bert", ts_us=1000, **given)  # type: ignore[arg-type]


def test_nothing_is_sealed_of_nothing(stage: Stage) -> None:
    given = {"event_id": new_event_id(), "user": "a", "conversation": "", "ts_us": 1, "expires_day": 1}
    assert stage.sealer.seal(Content(), **given) is None  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        stage.sealer.seal(talk(), **{**given, "event_id": "none"})  # type: ignore[arg-type]


def test_too_much_text_is_cut() -> None:
    made = Stage(bytes_max=100).seal(Content((Text("user", "a" * 500),)))
    content = open_entry(Entry.unpack(made.payload), made.key.secret)
    assert content.segments[0].text == "a" * 100
    assert content.cut == 400


def test_parts_cannot_be_moved_between_events(stage: Stage) -> None:
    one, two = stage.seal(talk("one")), stage.seal(talk("two"))
    first, second = Entry.unpack(one.payload), Entry.unpack(two.payload)
    assert one.key is two.key
    for entry in (
        Entry(first.head, second.parts),
        Entry(first.head, (second.parts[0], *first.parts[1:])),
        Entry(first.head, (first.parts[1], first.parts[0], first.parts[2])),
        Entry(first.head, (first.parts[0], first.parts[0], first.parts[2])),
        Entry(second.head, first.parts),
    ):
        with pytest.raises(BadEntry):
            open_entry(entry, one.key.secret)


def test_another_key_opens_nothing(stage: Stage) -> None:
    made = stage.seal()
    with pytest.raises(BadEntry) as error:
        open_entry(Entry.unpack(made.payload), b"x" * 32)
    assert "violet" not in str(error.value)


def test_a_length_that_lies_does_not_open(stage: Stage) -> None:
    made = stage.seal(talk("y" * 4000))
    entry = Entry.unpack(made.payload)
    part = entry.parts[0]
    liar = SealedPart(part.kind, part.ord, part.compressed, 1 << 29, part.nonce, part.ciphertext)
    with pytest.raises(BadEntry):
        open_entry(Entry(entry.head, (liar, *entry.parts[1:])), made.key.secret)
