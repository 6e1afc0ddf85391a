"""Windows over files of any size: every finding once, at its true place."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from weir.cli import scanning
from weir.cli.scanning import Located, Scanner, Source, sources
from weir.dlp.core.engine import Scan
from weir.dlp.files import FileLimits
from weir.model import Action, Finding, Segment
from weir.policy.decide import Policy
from weir.settings import loads

LIMITS = FileLimits(bytes_max=1 << 20)
MARK = re.compile(r"<<\d+>>")


class Marks:
    """Finds ``<<number>>``; what it is asked for is the size of a window at most."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        self.largest = 0

    def scan(self, segments: Sequence[Segment], direction: str = "request", **_: Any) -> Scan:
        text = segments[0].text
        self.largest = max(self.largest, len(text))
        found = tuple(
            Finding("word/mark", "word", 0, match.start(), match.end(), 0.9, "high", direction=direction)
            for match in MARK.finditer(text)
        )
        return Scan(found, not self.reason, self.reason)


def scanned(data: bytes, engine: Marks | None = None, **values: Any) -> tuple[list[Located], Scanner]:
    scanner = Scanner(engine or Marks(), LIMITS, **values)  # type: ignore[arg-type]
    return list(scanner.scan(Source("-", None), io.BytesIO(data), lambda count: None)), scanner


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "WINDOW_CHARS", 200)
    monkeypatch.setattr(scanning, "TAIL_CHARS", 100)
    monkeypatch.setattr(scanning, "CONTEXT_CHARS", 40)


@pytest.mark.parametrize("line", [7, 33, 150, 5000], ids=lambda size: f"lines of {size}")
@pytest.mark.parametrize("filling", ["x", "é", "𝒳"])
def test_every_finding_once_and_at_its_place(line: int, filling: str, small_windows: None) -> None:
    text = ""
    for number in range(150):
        text += filling * (number % 17) + f"<<{number}>>"
        text += "\n" if len(text) - text.rfind("\n") > line else ""
    engine = Marks()
    found, scanner = scanned(text.encode(), engine)
    assert [text[one.start : one.end] for one in found] == [f"<<{number}>>" for number in range(150)]
    rows = text.split("\n")
    assert all(rows[one.line - 1][one.column - 1 : one.end_column - 1] == text[one.start : one.end] for one in found)
    assert all(one.end_line == one.line and one.where == "" for one in found)
    assert scanner.chars == len(text) and engine.largest < 200 + 100 + 80


@pytest.mark.parametrize(
    ("data", "start"),
    [
        ("é <<1>>".encode(), 2),
        ("é <<1>>".encode("utf-8-sig"), 2),
        ("é <<1>>".encode("utf-16"), 2),
        ("é <<1>>".encode("cp1252"), 2),
        (b"a\r\n<<1>>", 3),
        (b"FORMAT <<1>>", 7),
        (b"<<1>>" + b"x" * (1 << 16) + "é".encode(), 0),
        (b"x" * ((1 << 16) - 1) + "é<<1>>".encode(), 1 << 16),
    ],
)
def test_texts_of_any_usual_encoding(data: bytes, start: int) -> None:
    found, scanner = scanned(data)
    assert [(one.start, one.end) for one in found] == [(start, start + 5)]
    assert scanner.incomplete == []


def test_nothing_in_nothing() -> None:
    assert scanned(b"")[0] == []


def test_documents_say_in_which_part() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("a.txt", "first\n  <<1>>")
    found, scanner = scanned(packed.getvalue())
    assert [(one.line, one.column, one.start) for one in found] == [(2, 3, 8)]
    assert found[0].where and scanner.incomplete == []


def test_what_can_not_be_looked_at_is_told() -> None:
    for data, said in (
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "image"),
        (bytes(range(256)) * 20, "can't read"),
        (b"\0" * (1 << 20) + b"xx", "larger than"),
    ):
        found, scanner = scanned(data)
        assert found == [] and len(scanner.incomplete) == 1
        assert said in scanner.incomplete[0][1]
    found, scanner = scanned(b"<<1>>", Marks("out of time"))
    assert len(found) == 1 and scanner.incomplete == [("-", "out of time")]


def test_the_policy_says_what_it_would_do() -> None:
    settings = loads(
        "version: 1\nrules:\n- {id: marks-stay, if: {finding: word/mark, direction: response}, then: redact}\n"
    )
    found, scanner = scanned(b"a <<1>> b", policy=Policy.compile(settings), direction="response")
    assert [one.action for one in found] == ["redact"]
    assert scanner.verdicts == {"-": (Action.REDACT, "marks-stay")}
    found, scanner = scanned(b"a <<1>> b", policy=Policy.compile(settings))
    assert [one.action for one in found] == ["allow"]


def test_folders_are_walked_without_what_nobody_means(tmp_path: Path) -> None:
    for name in ("b.txt", "a/c.txt", "a/d.png", ".git/config", "a/node_modules/x.js", "skipped/x"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path)
    named = str(tmp_path / ".git" / "config")
    told: list[str] = []
    found = [
        source.name.removeprefix(f"{tmp_path}/")
        for source in sources([str(tmp_path), named, "-"], ["*.png", "*/skipped"], lambda name, _: told.append(name))
    ]
    assert found == ["b.txt", "a/c.txt", ".git/config", "-"] and told == []


def test_a_missing_file_raises_when_it_is_its_turn(tmp_path: Path) -> None:
    (source,) = sources([str(tmp_path / "none")], [], lambda name, error: None)
    with pytest.raises(FileNotFoundError):
        list(Scanner(Marks(), LIMITS).scan(source, io.BytesIO(), lambda count: None))  # type: ignore[arg-type]
