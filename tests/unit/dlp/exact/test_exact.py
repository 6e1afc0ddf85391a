"""Exact data match: values are found as people write them, and nothing else is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from weir.dlp.core.patterns import Deadline, OutOfTime
from weir.dlp.exact.exact import OVERLAP_CHARS, WINDOW_CHARS, ExactDetector, load_exact
from weir.dlp.exact.exactmake import fingerprint

KEY = bytes(range(32))
ROWS = [
    ("DE89 3704 0044 0532 0130 00", "Jane Q. Public", "C-1234567"),
    ("GB82WEST12345698765432", "José Müller", "8375120946"),
    ("FR14 2004 1010 0505 0001 3M02 606", "Shaun O'Brien", "AB.77.31"),
    ("NL91ABNA0417164300", "王小明", "+49 30 1234567"),
    ("", "Huber-Schmidt, Anna-Maria", "jane.doe42@example.com"),
]


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> ExactDetector:
    out = tmp_path_factory.mktemp("exact") / "a.fp"
    fingerprint(iter(ROWS), ("iban", "name", "id"), label="customers", key=KEY, out=out)
    return load_exact(out, KEY)


@pytest.fixture(scope="module")
def found(detector: ExactDetector) -> Callable[[str], list[str]]:
    def find(text: str) -> list[str]:
        return [text[start:end] for start, end, score in detector.find(text, Deadline(10)) if score == 1.0]

    return find


@pytest.mark.parametrize(
    "value",
    [
        "DE89370400440532013000",
        "de89 3704 0044 0532 0130 00",
        "DE89-3704-0044-0532-0130-00",
        "gb82 west 1234 5698 7654 32",
        "FR1420041010050500013m02606",
        "Jane Q. Public",
        "JANE Q PUBLIC",
        "jane\nq public",
        "Public, Jane Q.",
        "jose muller",
        "José Müller",
        "Jose\u0301 Mu\u0308ller",
        "Müller, José",
        "Shaun OBrien",
        "Shaun O’Brien",
        "Anna-Maria Huber-Schmidt",
        "anna maria huber schmidt",
        "王小明",
        "c1234567",
        "C 1234567",
        "8375120946",
        "8375-120-946",
        "(837) 512 0946",
        "８３７５１２０９４６",
        "AB7731",
        "+49 (30) 123-45-67",
        "Jane.Doe42@EXAMPLE.com",
    ],
)
def test_a_value_is_found_however_it_is_written(value: str, found: Callable[[str], list[str]]) -> None:
    shown = value.removeprefix("(").removeprefix("+").removesuffix(".")
    for text in (value, f"Tell {value}.", f'{{"v":"{value}"}}', f"x={value};", f"«{value}»", f"a\t{value}\n"):
        assert found(text) == [shown], text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "DE89370400440532013001",
        "xDE89370400440532013000",
        "DE893704004405320130000",
        "Jane Public",
        "Janeqpublic",
        "Shaunobrien",
        "8375120947",
        "18375120946",
        "8375,120,946",
        "8375\n120946",
        "12.8375120946",
        "8375120946.25",
        "小明王",
        "C    1234567",
    ],
)
def test_what_is_no_value_is_not_found(text: str, found: Callable[[str], list[str]]) -> None:
    assert found(text) == []


def test_all_values_of_a_text_in_order(found: Callable[[str], list[str]]) -> None:
    text = "8375120946,C-1234567;Jane Q Public — 王小明与José Müller 8375120946"
    values = ["8375120946", "C-1234567", "Jane Q Public", "王小明", "José Müller", "8375120946"]
    assert found(text) == values


@pytest.mark.parametrize("filling", ["x ", "é ", "9 ", "x"], ids=["words", "unicode", "digits", "one long word"])
@pytest.mark.parametrize(
    "place", [*(WINDOW_CHARS + at for at in (-700, -513, -512, -511, -30, -10, -1, 0, 1)), 2 * WINDOW_CHARS - 520]
)
def test_nothing_is_lost_between_windows(place: int, filling: str, found: Callable[[str], list[str]]) -> None:
    before = (filling * place)[: place - 1] + "\n"
    assert found(f"{before}DE89 3704 0044 0532 0130 00\n{filling * 9000}") == ["DE89 3704 0044 0532 0130 00"]


def test_a_window_that_begins_inside_a_token_finds_no_half_of_it(found: Callable[[str], list[str]]) -> None:
    step = WINDOW_CHARS - OVERLAP_CHARS
    text = " " * (step - 3) + "xyz8375120946" + " y" * 4000
    assert found(text + " " * WINDOW_CHARS) == []


def test_what_it_is(detector: ExactDetector) -> None:
    assert (detector.name, detector.severity, detector.sources) == ("exact/customers", "high", ())
    assert len(detector.digest) == 64
    assert "Public" not in repr(detector) and KEY.hex() not in repr(detector)


def test_its_time_ends(detector: ExactDetector) -> None:
    with pytest.raises(OutOfTime):
        list(detector.find("word " * 1_000_000, Deadline(0.01)))


@pytest.mark.parametrize(
    "text",
    ["1 " * 50_000, "a" * 100_000, "王" * 50_000, "\u0301" * 100_000, "a\u0301" * 50_000, "\ud800 " * 50_000],
    ids=["digits", "one word", "ideographs", "marks", "accents", "surrogates"],
)
def test_hostile_texts_take_their_time_and_no_more(text: str, detector: ExactDetector) -> None:
    begin = time.thread_time()
    assert list(detector.find(text, Deadline(60))) == []
    assert time.thread_time() - begin < 1


def test_threads_share_it(detector: ExactDetector) -> None:
    texts = [f"Zoë {chr(0x4E00 + number)}é {ROWS[number % 4][0]} x" * 50 for number in range(40)]
    alone = [list(detector.find(text, Deadline(60))) for text in texts]
    together: dict[int, list[tuple[int, int, float]]] = {}

    def work(number: int) -> None:
        for index in range(number, len(texts), 4):
            together[index] = list(detector.find(texts[index], Deadline(60)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[index] for index in range(len(texts))] == alone


def test_a_replaced_file_is_another_one(tmp_path: Path) -> None:
    out = tmp_path / "a.fp"
    fingerprint(iter([("first-value-1",)]), ("v",), label="a", key=KEY, out=out)
    old = load_exact(out, KEY)
    fingerprint(iter([("second-value-2",)]), ("v",), label="a", key=KEY, out=out)
    new = load_exact(out, KEY)
    text = "first value 1 and second value 2"
    assert [list(one.find(text, Deadline(5))) for one in (old, new)] == [[(0, 13, 1.0)], [(18, 32, 1.0)]]
    assert old.digest != new.digest
