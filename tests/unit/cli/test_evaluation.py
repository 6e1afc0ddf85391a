"""``weir dlp evaluate``: figures, places, exit codes; texts only when asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

LINES = [
    {"text": "mail jane.doe@acme-corp.de now", "spans": [{"start": 5, "end": 26, "label": "EMAIL_ADDRESS"}]},
    {"text": "Jane Roe and ann@acme-corp.de", "spans": [{"start": 0, "end": 8, "label": "EMAIL_ADDRESS"}]},
]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    path = tmp_path / "l.jsonl"
    path.write_text("\n".join(map(json.dumps, LINES)) + "\n")
    return path


def test_figures_and_places_for_people(weir: Callable, labelled: Path) -> None:
    done = weir("dlp", "evaluate", labelled)
    assert done.code == 0
    assert "EMAIL_ADDRESS  0.500   0.500" in done.out
    assert "missed (line:start-end): 2:0-8" in done.out and "false (line:start-end): 2:13-29" in done.out
    assert "Jane" not in done.out + done.err and "ann@" not in done.out + done.err


def test_figures_for_programs(weir: Callable, labelled: Path) -> None:
    made = json.loads(weir("dlp", "evaluate", labelled, "--format", "json").out)
    assert (made["texts"], made["complete"], made["all"]["recall"]) == (2, True, 0.5)
    label = made["labels"]["EMAIL_ADDRESS"]
    assert label["misses"] == [{"line": 2, "start": 0, "end": 8}]
    assert label["false_finds"] == [{"line": 2, "start": 13, "end": 29, "detector": "pii/EMAIL_ADDRESS"}]


def test_texts_only_when_asked_for_and_not_in_the_data(weir: Callable, labelled: Path) -> None:
    done = weir("dlp", "evaluate", labelled, "--show")
    assert "[Jane Roe] and" in done.err and "[ann@acme-corp.de]" in done.err and "Jane" not in done.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--min-recall", "0.5"], 0),
        (["--min-recall", "0.51"], 1),
        (["--min-precision", "0.6"], 1),
        (["--map", "EMAIL_ADDRESS=pii/EMAIL*"], 0),
        (["--map", "EMAIL_ADDRESS=none/*"], 2),
        (["--map", "EMAIL_ADDRESS"], 2),
        (["--min-recall", "7"], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int, weir: Callable, labelled: Path) -> None:
    assert weir("dlp", "evaluate", labelled, *arguments).code == code


def test_a_label_that_nothing_counts_for_is_told(weir: Callable, labelled: Path) -> None:
    assert "counts for" not in weir("dlp", "evaluate", labelled).err
    labelled.write_text('{"text": "mail jane.doe@acme-corp.de", "spans": [{"start": 5, "end": 26, "label": "MAIL"}]}\n')
    said = "no detector of this policy counts for MAIL; turn one on, or --map MAIL=…"
    assert said in weir("dlp", "evaluate", labelled).err
    assert "counts for" not in weir("dlp", "evaluate", labelled, "--map", "MAIL=pii/EMAIL*").err


def test_a_bad_line_is_told_by_number(weir: Callable, labelled: Path) -> None:
    labelled.write_text('{"text": "canary", "spans": [{"start": 0, "end": 99, "label": "X"}]}\n')
    done = weir("dlp", "evaluate", labelled)
    assert done.code == 2 and f"{labelled}:1: spans[0]: " in done.err and "canary" not in done.err
    assert weir("dlp", "evaluate", "none.jsonl").code == 2
