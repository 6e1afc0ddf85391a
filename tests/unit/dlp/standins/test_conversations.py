from __future__ import annotations

import threading
from pathlib import Path

import pytest

from weir.dlp.standins.conversations import Conversations, Link
from weir.dlp.standins.vault import Vault

MAIL = "EMAIL_ADDRESS"
ONE = "<EMAIL_ADDRESS_1>"
HOUR = 3600.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def kept(folder: Path, clock: Clock | None = None) -> tuple[Conversations, Vault]:
    vault = Vault(folder / "p.db", lambda: b"k" * 32, clock=clock or Clock())
    return Conversations(b"key", vault=vault, clock=clock or Clock()), vault


def test_conversations_are_apart_and_bounded() -> None:
    known = Conversations(b"key", max_conversations=2)
    one = known.get("1")
    one.issue([(MAIL, "a@x.com")])
    assert known.get("2").issue([(MAIL, "b@x.com")]) == [ONE]
    assert known.get("1") is one
    known.get("3")  # pushes out 2, the least used
    assert known.get("1") is one
    assert len(known) == 2


def test_all_values_together_are_bounded() -> None:
    known = Conversations(b"key", max_values=10, max_total=20)
    for name in "abc":
        known.get(name).issue([(MAIL, f"{name}{n}") for n in range(10)])
    known.get("c")
    assert len(known) == 2 and len(known.get("a")) == 0
    for number in range(100):
        known.get(str(number)).issue([(MAIL, str(n)) for n in range(10)])
    assert len(known) <= 3


def test_the_idle_are_forgotten() -> None:
    clock = Clock()
    known = Conversations(b"key", clock=clock)
    for name in "ab":
        known.get(name, hours=2).issue([(MAIL, "a@x.com")])
    known.link("bob", "resp_1", Link("a", frozenset({ONE})))
    clock.now += 1.5 * HOUR
    known.get("a", hours=2)
    assert known.linked("bob", "resp_1", hours=2) is not None
    clock.now += 1 * HOUR
    assert len(known.get("a", hours=2)) == 1
    assert known.linked("bob", "resp_1", hours=2) is None
    assert len(known) == 1


def test_a_reply_is_known_to_its_owner_only() -> None:
    known = Conversations(b"key", max_links=2)
    link = Link("c", frozenset({ONE}))
    known.link("bob", "resp_1", link)
    assert known.linked("bob", "resp_1") == link
    assert known.linked("eve", "resp_1") is None
    assert known.linked("bobresp", "_1") is None
    known.link("eve", "resp_1", Link("d"))
    assert known.linked("bob", "resp_1") == link and known.linked("eve", "resp_1") == Link("d")
    known.link("bob", "resp_2", link)
    assert known.linked("bob", "resp_1") is None


def test_links_are_bounded_by_what_they_name() -> None:
    known = Conversations(b"key", max_total=5)
    for number in range(10):
        known.link("bob", str(number), Link("c", frozenset(f"<A_{n}>" for n in range(10))))
    assert [known.linked("bob", str(n)) is not None for n in range(10)] == [False] * 8 + [True] * 2


def test_a_form_to_begin_with() -> None:
    known = Conversations(b"key")
    assert known.get("1", tag="QX").issue([(MAIL, "a@x.com")]) == ["<EMAIL_ADDRESS_QX_1>"]


def test_without_keep_nothing_is_written(tmp_path: Path) -> None:
    known, vault = kept(tmp_path)
    known.get("1").issue([(MAIL, "a@x.com")])
    known.link("bob", "resp_1", Link("1", frozenset({ONE})))
    vault.flush(5)
    assert list(tmp_path.iterdir()) == []


def test_kept_over_a_restart(tmp_path: Path) -> None:
    known, vault = kept(tmp_path)
    names = known.get("1", keep=True)
    names.issue([(MAIL, "a@x.com"), (MAIL, "b@x.com")])
    known.link("bob", "resp_1", Link("1", frozenset({ONE})), keep=True)
    vault.flush(5)
    again, _ = kept(tmp_path)
    assert again.linked("bob", "resp_1", keep=True) == Link("1", frozenset({ONE}))
    assert again.linked("eve", "resp_1", keep=True) is None
    assert again.get("1", keep=True).issue([(MAIL, "c"), (MAIL, "b@x.com")]) == [
        "<EMAIL_ADDRESS_3>",
        "<EMAIL_ADDRESS_2>",
    ]
    assert again.get("1", keep=True).values([ONE]) == {ONE: "a@x.com"}


def test_kept_when_pushed_out_of_memory(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "p.db", lambda: b"k" * 32)
    known = Conversations(b"key", max_conversations=1, vault=vault)
    known.get("1", keep=True).issue([(MAIL, "a@x.com")])
    known.get("2", keep=True)
    vault.flush(5)
    assert known.get("1", keep=True).values([ONE]) == {ONE: "a@x.com"}


def test_what_is_in_use_does_not_expire_in_the_vault(tmp_path: Path) -> None:
    clock = Clock()
    known, vault = kept(tmp_path, clock)
    known.get("1", hours=2, keep=True).issue([(MAIL, "a@x.com")])
    vault.flush(5)
    for _ in range(3):
        clock.now += 1.5 * HOUR
        known.get("1", hours=2, keep=True)
    vault.flush(5)
    again, _ = kept(tmp_path, clock)
    assert len(again.get("1", hours=2, keep=True)) == 1
    clock.now += 3 * HOUR
    late, _ = kept(tmp_path, clock)
    assert len(late.get("1", hours=2, keep=True)) == 0


def test_turned_off_erases(tmp_path: Path) -> None:
    known, vault = kept(tmp_path)
    known.get("1", keep=True).issue([(MAIL, "a@x.com")])
    vault.flush(5)
    assert (tmp_path / "p.db").exists()
    again, _ = kept(tmp_path)
    again.get("1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", [b"no json", b"[1]", b'{"issued": 3}'])
def test_a_record_that_makes_no_sense_counts_as_unknown(tmp_path: Path, broken: bytes) -> None:
    known, vault = kept(tmp_path)
    name = known._link_name("bob", "resp_1")
    for record in ("1", name):
        vault.put(record, lambda: broken, HOUR)
    vault.flush(5)
    assert known.get("1", keep=True).issue([(MAIL, "a")]) == [ONE]
    assert known.linked("bob", "resp_1", keep=True) is None


def test_threads_do_not_stand_in_each_others_way(tmp_path: Path) -> None:
    known, vault = kept(tmp_path)
    known._max_total, known._max_conversations = 50, 5

    def work(seed: int) -> None:
        for number in range(200):
            known.get(str((seed + number) % 9), keep=True).issue([(MAIL, f"{seed} {number}")])
            known.link("bob", str(number), Link("1", frozenset({ONE})), keep=True)
            known.linked("bob", str(number), keep=True)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    vault.flush(10)
    known.get("x")
    assert len(known) <= 5


def test_repr_hides_the_values() -> None:
    known = Conversations(b"secret-key")
    known.get("1").issue([(MAIL, "canary@x.com")])
    shown = repr(known) + repr(known.get("1"))
    assert "canary" not in shown and "secret-key" not in shown


def test_a_conversation_is_forgotten_everywhere(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "v.db", lambda: b"k" * 32)
    known = Conversations(b"key", vault=vault)
    held = known.get("1", keep=True)
    held.issue([(MAIL, "ann@x.com")])
    known.get("2", keep=True).issue([(MAIL, "bob@x.com")])
    vault.flush(10)
    known.forget(["1", "unknown"])
    held.issue([(MAIL, "late@x.com")])  # an exchange that was still under way
    vault.flush(10)
    assert len(known) == 1 and vault.get("1", 3600) is None and vault.get("2", 3600)
    assert known.get("1", keep=True).values(frozenset({ONE})) == {}


def test_what_has_begun_and_holds_nothing_is_not_remembered() -> None:
    known = Conversations(b"key")
    begun = known.begun("1")
    assert begun.values([ONE]) == {} and begun.names() == frozenset() and begun.values([]) == {}
    assert len(known) == 0
    assert begun.issue([(MAIL, "a@x.com")]) == [ONE]
    assert len(known) == 1 and begun.values([ONE]) == {ONE: "a@x.com"} and begun.names() == {ONE}
    assert known.begun("1") is known.get("1")


def test_turns_that_begin_at_once_find_the_same_pseudonyms() -> None:
    known = Conversations(b"key")
    one, other = known.begun("1"), known.begun("1")
    assert one.issue([(MAIL, "a@x.com")]) == [ONE]
    assert other.values([ONE]) == {ONE: "a@x.com"} and other.names() == {ONE}
    assert other.issue([(MAIL, "b@x.com"), (MAIL, "a@x.com")]) == ["<EMAIL_ADDRESS_2>", ONE]


def test_what_a_prompt_says_by_itself_is_remembered_from_the_beginning() -> None:
    known = Conversations(b"key")
    known.begun("1").said([ONE])
    assert known.begun("1").issue([(MAIL, "a@x.com")]) == ["<EMAIL_ADDRESS_A_1>"]
    assert known.begun("2", tag="B").issue([(MAIL, "a@x.com")]) == ["<EMAIL_ADDRESS_B_1>"]


def test_an_exchange_keeps_what_it_issued_when_its_conversation_is_forgotten() -> None:
    known = Conversations(b"key", max_conversations=1)
    begun = known.begun("1")
    begun.issue([(MAIL, "a@x.com")])
    known.get("2")
    assert begun.values([ONE]) == {ONE: "a@x.com"}
    assert begun.issue([(MAIL, "b@x.com")]) == ["<EMAIL_ADDRESS_2>"]


def test_where_policy_keeps_them_they_are_looked_for_at_once(tmp_path: Path) -> None:
    before, vault = kept(tmp_path)
    before.get("1", keep=True).issue([(MAIL, "a@x.com")])
    vault.flush(10)
    after, _ = kept(tmp_path)
    assert after.begun("1", keep=True).names() == {ONE}


def test_entering_later_does_not_choose_anew_whether_they_are_kept(tmp_path: Path) -> None:
    known, vault = kept(tmp_path)
    begun = known.begun("1")
    known.get("2", keep=True).issue([(MAIL, "a@x.com")])  # a policy that keeps them came meanwhile
    begun.issue([(MAIL, "b@x.com")])
    vault.flush(10)
    assert vault.get("2", 24 * HOUR) is not None


def test_a_beginning_shows_nothing() -> None:
    begun = Conversations(b"key").begun("1")
    begun.issue([(MAIL, "a@x.com")])
    assert repr(begun) == "Beginning(hidden)"
