"""YAML with positions: values, lines, and inputs made to hurt."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from weir import yamlpos
from weir.yamlpos import BYTES_MAX, Mistake, PolicyError, read, read_text, shown


@pytest.fixture(autouse=True, params=sorted({yamlpos._LOADER.__name__, "SafeLoader"}))
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything here holds with libyaml's parser and with the one in Python."""
    monkeypatch.setattr(yamlpos, "_LOADER", getattr(yaml, request.param))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: -7", {"a": -7}),
        ("a: 0.5", {"a": 0.5}),
        ("a: .5", {"a": 0.5}),
        ("a: true", {"a": True}),
        ("a: False", {"a": False}),
        ("a:", {"a": None}),
        ("a: ~", {"a": None}),
        ("a: no", {"a": "no"}),
        ("a: on", {"a": "on"}),
        ("a: 010", {"a": "010"}),
        ("a: 0x1F", {"a": "0x1F"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: 12:30", {"a": "12:30"}),
        ("a: 2024-01-31", {"a": "2024-01-31"}),
        ("a: '5'", {"a": "5"}),
        ("a: .inf", {"a": ".inf"}),
        ("7: x", {"7": "x"}),
        ("true: x", {"true": "x"}),
        ("a: [x, {b: 2}]", {"a": ["x", {"b": 2}]}),
        ("a: &n [1]\nb: *n", {"a": [1], "b": [1]}),
        ("\ufeffa: 1".lstrip("\ufeff"), {"a": 1}),
        ("", None),
        ("a: " + "9" * 6000, {"a": "9" * 6000}),
    ],
)
def test_values(text: str, value: Any) -> None:
    document = read_text(text, "f.yaml")
    assert document.mistakes == []
    assert document.data == value


def test_lines_of_keys_and_items() -> None:
    document = read_text("a: 1\nb:\n  - x\n  - c: 2\n    d: 3\n", "f.yaml")
    assert document.line(("a",)) == 1
    assert document.line(("b", 0)) == 3
    assert document.line(("b", 1, "d")) == 5
    assert document.line(("b", 1, "nowhere", 3)) == 4
    assert document.line(()) == 1
    assert document.name(("b", 1, "d")) == "b[1].d"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: 2\na: 3", 3, "stands here twice (first on line 1)"),
        ("a:\n\tb: 1", 2, "a tab stands where YAML wants spaces"),
        ("a: 1\nb: ]", 2, "is not YAML"),
        ("a: !!python/object:os.system x", 1, "carries a YAML tag"),
        ("a: !!binary aGk=", 1, "carries a YAML tag"),
        ('a: !!int "3"', 1, "carries a YAML tag"),
        ("a: &x {b: 1}\nc:\n  <<: *x", 3, "merge keys are not read"),
        ("? [a]\n: 1", 1, "a key is not a plain word"),
        ("a: 1\n---\nb: 2", 2, "is not YAML"),
        ("a: *gone", 1, "is not YAML"),
        ("x: 1\na: b\x07c", 2, "holds a control character"),
        ("a: &a [*a]", 1, "its aliases unfold without end"),
        ("[" * 5000, 1, "is nested deeper than 24 levels"),
        ("- " * 5000 + "x", 1, "is nested deeper than 24 levels"),
    ],
)
def test_mistakes(text: str, line: int, problem: str) -> None:
    (mistake,) = read_text(text, "f.yaml").mistakes
    assert mistake.line == line
    assert mistake.problem.startswith(problem)
    assert mistake.remedy


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        ("a: [b\nc: [d]\n", 2, ["','", "']'", "in the [ list begun on line 1"]),
        ("a: {b: c\n\n\n", 4, ["','", "'}'", "in the { mapping begun on line 1"]),
        ('a:\n  b: "c\n', 3, ["unexpected end of stream", "in the quoted text begun on line 2"]),
        ("a:\n  - b\n  c: d\n", 3, ["in the list begun on line 2"]),
        ("a: [b c: d: e", 1, ["is not YAML ("]),
    ],
)
def test_a_syntax_mistake_names_the_signs_and_where_the_part_began(text: str, line: int, parts: list[str]) -> None:
    (mistake,) = read_text(text, "f.yaml").mistakes
    assert mistake.line == line
    for part in parts:
        assert part in mistake.problem
    assert ("begun" in mistake.problem) == ("begun" in parts[-1])


def test_alias_bomb_is_bounded() -> None:
    rows = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    rows += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    started = time.thread_time()
    document = read_text("\n".join(rows), "f.yaml")
    assert time.thread_time() - started < 5
    assert [m.problem for m in document.mistakes] == ["its aliases unfold without end"]


def test_nothing_of_the_file_is_quoted() -> None:
    canary = "sk-canary0123456789abcdef"
    for text in (
        f"a: *{canary}",
        f'a: "\\{canary}"',
        f"a: [{canary}\nb: c: d",
        f"{canary}: 1\n{canary}: 2",
        f"%{canary} x",
    ):
        for mistake in read_text(text, "f.yaml").mistakes:
            assert canary not in str(mistake)


def test_shown_hides_what_looks_pasted() -> None:
    assert shown("google-gemini") == "google-gemini"
    assert shown("a-perfectly-long-name-without-digits") == "a-perfectly-long-name-without-digits"
    assert shown("sk-canary0123456789abcdef") == "<…>"
    assert shown("x" * 65) == "<…>"
    assert shown("a\nb") == "<…>"


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (b"a: 1\n\xff\xfe", 2, "is not UTF-8"),
        (b"# " + b"x" * BYTES_MAX, 1, "is larger than 256 KiB"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes, line: int, problem: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(content)
    (mistake,) = read(path).mistakes
    assert (mistake.file, mistake.line, mistake.problem) == (str(path), line, problem)


def test_missing_file_and_directory(tmp_path: Path) -> None:
    (missing,) = read(tmp_path / "none.yaml").mistakes
    assert str(missing).startswith(f"{tmp_path}/none.yaml: cannot be read (No such file")
    assert read(tmp_path).mistakes[0].problem.startswith("cannot be read (Is a directory")


def test_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes("\ufeffa: 1".encode())
    assert read(path).data == {"a": 1}


def test_error_is_one_line_per_mistake() -> None:
    error = PolicyError([Mistake("f", 1, "a", "is missing", "write a: 1"), Mistake("f", 2, "", "is odd", "mend it")])
    assert str(error) == "f:1: a: is missing; write a: 1\nf:2: is odd; mend it"
    assert len(error.mistakes) == 2
