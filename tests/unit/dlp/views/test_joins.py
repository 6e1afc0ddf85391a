from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest

from weir.dlp.views.joins import CATEGORIES, Joined, joins
from weir.model import Segment

KEY = "sk-" + "proj-" + "Ab1_Cd2-Ef3Gh4Ij5Kl6Mn7Op8Qr9St0" * 4
PROSE = "An answer of ordinary length. It says something, and then it says some more of the same.\n" * 12


def segments(texts: list[str], roles: str = "") -> list[Segment]:
    names = {"u": "user", "a": "assistant", "t": "tool"}
    return [Segment(f"/{n}", names[roles[n]] if roles else "user", text) for n, text in enumerate(texts)]


def found(texts: list[str], roles: str = "") -> list[tuple[int, int, int]]:
    """Where the key stands, read across."""
    for joined in joins(segments(texts, roles)):
        at = joined.text.find(KEY)
        if at >= 0:
            return joined.origin(at, at + len(KEY))
    return []


SPLIT = {
    "two parts": (["my key is " + KEY[:40], KEY[40:] + " thanks"], ""),
    "blanks at the seam": (["my key is " + KEY[:40] + " \n", "\n\t" + KEY[40:]], ""),
    "quotes": (['"' + KEY[:40] + '"', '"' + KEY[40:] + '"'], ""),
    "dots": (["it begins " + KEY[:40] + "...", "…" + KEY[40:] + " it ends"], ""),
    "three messages": ([KEY[:9], KEY[9:60], KEY[60:]], "uau"),
    "an answer between": (["first half: " + KEY[:70], "Fine. And the rest?", KEY[70:]], "uau"),
    "long texts": ([PROSE + KEY[:70], KEY[70:] + "\n" + PROSE], "ua"),
    "empty texts between": ([KEY[:70], "", " \n", KEY[70:]], ""),
    "characters": (list(KEY), ""),
    "characters after prose": ([PROSE + KEY[0], *KEY[1:-1], KEY[-1] + " " + PROSE], ""),
    "among others": ([PROSE, "short", "n=" + KEY[:30], KEY[30:60], KEY[60:] + ".", "short", PROSE], "uauauau"),
}


@pytest.mark.parametrize("name", SPLIT)
def test_a_split_key_is_read_as_one(name: str) -> None:
    texts, roles = SPLIT[name]
    spans = found(texts, roles)
    assert "".join(texts[segment][start:end] for segment, start, end in spans) == KEY
    assert all(one[0] < other[0] for one, other in pairwise(spans))


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [""],
        [KEY],
        [PROSE, PROSE, PROSE],
        ["How are you?", "Fine, thanks.", "Good."],
        ["4111 1111", "1111 1111"],
        ["Hello", "World"],
        ["(" + KEY + ")", "(" + KEY + ")"],
    ],
)
def test_texts_that_make_no_word_together_are_not_joined(texts: list[str]) -> None:
    assert list(joins(segments(texts))) == []


def test_a_joined_text_is_for_secrets_only() -> None:
    (joined,) = joins(segments([KEY[:40], KEY[40:]]))
    assert joined.categories == CATEGORIES == ("secret", "exact")
    assert KEY not in repr(joined) and KEY[:40] not in repr(joined)


def test_what_stands_before_the_key_is_read_with_it() -> None:
    (joined,) = joins(segments(["please set password = " + KEY[:40], KEY[40:]]))
    assert joined.text.startswith("please set password = sk-")


def check(joined: Joined, given: list[Segment]) -> None:
    assert 1 <= len(joined.text) <= 512
    spans = joined.origin(0, len(joined.text))
    assert len(spans) >= 2
    assert "".join(given[n].text[start:end] for n, start, end in spans) == joined.text
    for at in range(len(joined.text)):
        ((segment, start, end),) = joined.origin(at, at + 1)
        assert end == start + 1 and given[segment].text[start] == joined.text[at]


@pytest.mark.parametrize("name", SPLIT)
def test_every_character_leads_back(name: str) -> None:
    texts, roles = SPLIT[name]
    given = segments(texts, roles)
    for joined in joins(given):
        check(joined, given)


def test_a_long_chain_is_read_in_windows_that_overlap() -> None:
    given = segments(["A" * 100] * 200)
    all_of_them = list(joins(given))
    assert 50 < len(all_of_them) < 600
    for joined in all_of_them:
        check(joined, given)
    starts = sorted(joined.begin for joined in all_of_them)
    assert all(other - one <= 256 for one, other in pairwise(starts))


def test_a_growing_chat_keeps_its_joined_texts() -> None:
    texts: list[str] = []
    seen: set[str] = set()
    new = 0
    for turn in range(60):
        texts += [f"{PROSE}token-{turn:04}-abcdef", f"ghijkl{turn}mnopqr. {PROSE}"]
        now = {joined.text for joined in joins(segments(texts, "ua" * (turn + 1)))}
        assert seen <= now  # whatever was read of the chat so far is read again in the very same words
        new += len(now - seen)
        seen = now
    assert 60 <= new <= 180


def test_thousands_of_texts_are_joined_in_a_moment() -> None:
    given = segments(["A" * 256] * 2000)
    start = time.thread_time()
    total = sum(len(joined.text) for joined in joins(given))
    assert time.thread_time() - start < 2
    assert total <= 2.1 * 256 * 2000


ACCESS = "AKIA" + "QYLPMN5HFIQR7XYA"


@pytest.mark.parametrize(
    "texts",
    [
        ["here is my key", ACCESS[:9], ACCESS[9:]],
        ["my key ", ACCESS[:9], ACCESS[9:]],
        ["k " + ACCESS[:9], ACCESS[9:], "thanks"],
        ["one", ACCESS[:7], ACCESS[7:14], ACCESS[14:], "two"],
        ["gpt-5-mini", *ACCESS, "please"],
    ],
)
def test_a_key_in_pieces_between_words_is_read_by_itself(texts: list[str]) -> None:
    found = [one.text for one in joins([Segment(f"/{n}", "user", text) for n, text in enumerate(texts)])]
    assert any(text.startswith(ACCESS) or f" {ACCESS}" in text for text in found)
    assert any(re.search(rf"(?<![A-Za-z0-9]){ACCESS}(?![A-Za-z0-9])", text) for text in found) or len(texts) > 9
    assert all(len(text) <= 512 for text in found) and len(found) < 200


ID = "01a1fed4-ff3c-7291-a75b-45ab5485bf93"


def test_ids_in_a_row_are_read_in_pairs_and_as_one_word() -> None:
    names = [f"msg_{ID[:-2]}{n:02}" for n in range(8)]
    texts = [joined.text for joined in joins(segments(names))]
    assert {one + other for one, other in pairwise(names)} <= set(texts)
    assert sum(map(len, texts)) <= 5 * sum(map(len, names))


def test_a_key_in_three_pieces_beside_ids_is_read_by_itself() -> None:
    texts = [joined.text for joined in joins(segments([ID, ACCESS[:7], ACCESS[7:14], ACCESS[14:], ID]))]
    assert ACCESS in texts
    texts = [joined.text for joined in joins(segments(["user.text", "sk-ab-", ID, "list_agents"]))]
    assert "sk-ab-" + ID in texts, "an id may be the last part of a key"


def test_thousands_of_pieces_take_linear_time() -> None:
    given = segments(["a"] * 20_000)
    begun = time.thread_time()
    assert len(list(joins(given))) < 2_000
    assert time.thread_time() - begun < 5
