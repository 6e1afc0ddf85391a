from __future__ import annotations

import threading

import pytest

from weir.dlp.standins.pseudonyms import Pseudonyms, Restorer, literals

MAIL = "EMAIL_ADDRESS"


def fresh(max_values: int = 100) -> Pseudonyms:
    return Pseudonyms(b"key", max_values)


def test_the_same_value_gets_the_same_placeholder() -> None:
    names = fresh()
    assert names.issue([(MAIL, "a@x.com"), (MAIL, "b@x.com"), (MAIL, "a@x.com"), ("IBAN_CODE", "a@x.com")]) == [
        "<EMAIL_ADDRESS_1>",
        "<EMAIL_ADDRESS_2>",
        "<EMAIL_ADDRESS_1>",
        "<IBAN_CODE_1>",
    ]
    assert names.issue([(MAIL, "b@x.com"), (MAIL, "c@x.com")]) == ["<EMAIL_ADDRESS_2>", "<EMAIL_ADDRESS_3>"]


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ([], "<EMAIL_ADDRESS_1>"),
        (["<EMAIL_ADDRESS_1>"], "<EMAIL_ADDRESS_A_1>"),
        (["<PERSON_9>"], "<EMAIL_ADDRESS_A_1>"),
        (["<X_1>", "<X_A_1>", "<Y_B_4>"], "<EMAIL_ADDRESS_C_1>"),
    ],
)
def test_a_form_the_prompt_holds_is_avoided(taken: list[str], expected: str) -> None:
    assert fresh().issue([(MAIL, "a@x.com")], taken) == [expected]


def test_the_form_changes_once_and_then_stays() -> None:
    names = fresh()
    assert names.issue([(MAIL, "a@x.com")]) == ["<EMAIL_ADDRESS_1>"]
    assert names.issue([(MAIL, "a@x.com")], ["<EMAIL_ADDRESS_1>"]) == ["<EMAIL_ADDRESS_A_1>"]
    assert names.issue([(MAIL, "a@x.com")], ["<EMAIL_ADDRESS_1>"]) == ["<EMAIL_ADDRESS_A_1>"]
    assert names.issue([(MAIL, "a@x.com")]) == ["<EMAIL_ADDRESS_A_1>"]


def test_when_every_form_is_taken_nothing_is_issued() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    taken = [f"<X_{a}{b}_1>" for a in letters for b in ("", *letters)]
    assert fresh().issue([(MAIL, "a@x.com")], taken) == [None]


def test_values_are_bounded() -> None:
    names = fresh(max_values=2)
    one, two = "<EMAIL_ADDRESS_1>", "<EMAIL_ADDRESS_2>"
    assert names.issue([(MAIL, value) for value in "abca"]) == [one, two, None, one]


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", "a\x00b", "a\ud800b", "a\u2028b"])
def test_a_value_that_would_break_a_json_string_is_not_pseudonymised(value: str) -> None:
    assert fresh().issue([(MAIL, value)]) == [None]


def test_literals() -> None:
    texts = ["a <EMAIL_ADDRESS_1> <b> <X_> <x_1>", "<IBAN_CODE_A_12>", "none"]
    assert literals(texts) == {"<EMAIL_ADDRESS_1>", "<IBAN_CODE_A_12>"}


def test_what_is_longer_than_any_name_is_not_pseudonymised() -> None:
    assert fresh().issue([(MAIL, "a" * 4096), (MAIL, "a" * 4097)]) == ["<EMAIL_ADDRESS_1>", None]


def test_values_by_their_placeholders() -> None:
    names = fresh()
    names.issue([(MAIL, "a@x.com"), (MAIL, "b@x.com")])
    assert names.names() == {"<EMAIL_ADDRESS_1>", "<EMAIL_ADDRESS_2>"}
    assert names.values(["<EMAIL_ADDRESS_2>", "<EMAIL_ADDRESS_3>"]) == {"<EMAIL_ADDRESS_2>": "b@x.com"}
    names.issue([(MAIL, "a@x.com")], ["<EMAIL_ADDRESS_1>"])  # another form; the earlier one is still known
    assert names.values(["<EMAIL_ADDRESS_2>", "<EMAIL_ADDRESS_A_1>"]) == {
        "<EMAIL_ADDRESS_2>": "b@x.com",
        "<EMAIL_ADDRESS_A_1>": "a@x.com",
    }
    names.said(["<EMAIL_ADDRESS_2>", "<IBAN_CODE_1>"])
    assert names.values(["<EMAIL_ADDRESS_2>"]) == {} and len(names) == 2


def test_what_the_prompt_says_is_never_given_out_again() -> None:
    names = fresh()
    assert names.issue([(MAIL, "a@x.com")]) == ["<EMAIL_ADDRESS_1>"]
    names.said(["<EMAIL_ADDRESS_1>"])
    assert names.names() == set()
    assert names.issue([(MAIL, "a@x.com")]) == ["<EMAIL_ADDRESS_A_1>"]
    assert names.issue([(MAIL, "b@x.com")], ["<EMAIL_ADDRESS_A_1>"]) == ["<EMAIL_ADDRESS_B_1>"]
    # Back in a form that was left: its numbers go on.
    assert names.issue([(MAIL, "c@x.com")], ["<EMAIL_ADDRESS_B_1>"]) == ["<EMAIL_ADDRESS_A_2>"]


def test_values_of_earlier_forms_make_room_first() -> None:
    names = fresh(max_values=2)
    names.issue([(MAIL, "a"), (MAIL, "b")])
    names.issue([(MAIL, "c")], ["<EMAIL_ADDRESS_1>"])
    assert names.names() == {"<EMAIL_ADDRESS_2>", "<EMAIL_ADDRESS_A_1>"}


def test_growth_and_change_are_told() -> None:
    counts: list[int] = []
    changes: list[bool] = []
    names = Pseudonyms(b"k", 2, grown=counts.append, changed=lambda: changes.append(True))
    names.issue([(MAIL, "a"), (MAIL, "b")])
    names.issue([(MAIL, "a")])
    names.said(["<EMAIL_ADDRESS_1>"])
    assert (sum(counts), len(changes)) == (1, 1)
    assert names.detach() == 1
    names.issue([(MAIL, "c")], ["<EMAIL_ADDRESS_2>"])
    assert (sum(counts), len(changes)) == (1, 1)


def test_dumped_and_loaded_is_the_same() -> None:
    names = fresh()
    names.issue([(MAIL, "ä@x.com"), ("IBAN_CODE", "DE89")])
    names.issue([(MAIL, "b@x.com"), ("IBAN_CODE", "DE89")], ["<PERSON_1>"])
    again = fresh()
    again.load(names.dump())
    assert again.values(again.names()) == names.values(names.names())
    assert again.issue([(MAIL, "c@x.com"), (MAIL, "b@x.com")]) == ["<EMAIL_ADDRESS_A_2>", "<EMAIL_ADDRESS_A_1>"]
    assert again.dump() != names.dump()


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"tag": 1, "counts": [], "issued": [1]}'])
def test_what_was_not_dumped_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no pseudonyms") as raised:
        fresh().load(data)
    assert raised.value.__cause__ is None


def test_repr_hides_the_values() -> None:
    known = Pseudonyms(b"secret-key", 10)
    known.issue([(MAIL, "canary@x.com")])
    shown = repr(known) + repr(Restorer({"<EMAIL_ADDRESS_1>": "canary@x.com"}))
    assert "canary" not in shown and "secret-key" not in shown


def test_threads_agree() -> None:
    names = fresh(1000)
    results: list[list[str | None]] = []

    def work() -> None:
        results.append(names.issue([(MAIL, f"{n}@x.com") for n in range(200)]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [results[0]] * 4
    assert len(set(results[0])) == 200


ISSUED = {"<EMAIL_ADDRESS_1>": "a@x.com", "<EMAIL_ADDRESS_10>": "j@x.com", "<IBAN_CODE_1>": "DE89"}


@pytest.mark.parametrize(
    ("chunks", "out"),
    [
        (["hi <EMAIL_ADDRESS_1>!"], ["hi a@x.com!"]),
        (["hi <EMAIL", "_ADDRESS_1", ">!"], ["hi ", "", "a@x.com!"]),
        (["<EMAIL_ADDRESS_1", "0>"], ["", "j@x.com"]),
        (["<EMAIL_ADDRESS_2>"], ["<EMAIL_ADDRESS_2>"]),
        (["<EMAIL_ADDRESS_2", ">"], ["<EMAIL_ADDRESS_2", ">"]),
        (["a < b and <c"], ["a < b and <c"]),
        (["a <"], ["a "]),
        (["<", "b>"], ["", "<b>"]),
        (["<<EMAIL_ADDRESS_1>"], ["<a@x.com"]),
        (["<EMAIL_ADDRESS_<IBAN_CODE_1>"], ["<EMAIL_ADDRESS_DE89"]),
        ([""], [""]),
    ],
)
def test_restorer_holds_back_only_what_could_become_a_placeholder(chunks: list[str], out: list[str]) -> None:
    restorer = Restorer(ISSUED)
    assert [restorer.feed("c", chunk) for chunk in chunks] == out


def test_flush_gives_what_is_held_and_channels_are_apart() -> None:
    restorer = Restorer(ISSUED)
    assert restorer.feed("a", "x <EMAIL") == "x "
    assert restorer.feed("b", "_ADDRESS_1>") == "_ADDRESS_1>"
    assert restorer.flush("a") == "<EMAIL"
    assert restorer.flush("a") == ""
    assert restorer.feed("a", "_ADDRESS_1>") == "_ADDRESS_1>"


def test_a_restored_value_is_not_restored_again() -> None:
    restorer = Restorer({"<A_1>": "<B_1>", "<B_1>": "b"})
    assert restorer.feed("c", "<A_1><B_1>") == "<B_1>b"


def test_nothing_issued_nothing_held() -> None:
    restorer = Restorer({})
    assert restorer.feed("c", "a <") == "a <"
