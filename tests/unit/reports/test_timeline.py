from __future__ import annotations

import io

from rich.cells import cell_len
from rich.console import Console

from weir.audit.content.timeline import Step
from weir.reports import REPORTS
from weir.reports.timeline import as_objects, lines

NOON = 1_763_726_400_000_000  # 2025-11-21 12:00:00 UTC
STEPS = [
    Step(NOON, "prompt", "anna", "Write a\nletter.", "openai, gpt-5", True, "e1", "x1", "c1"),
    Step(NOON, "finding", "weir", "pii/EMAIL_ADDRESS in text 1", "medium, redact", True, "e1", "x1", "c1"),
    Step(NOON + 1_500_000, "decision", "weir", "block", "no-mail", True, "e1", "x1", "c1"),
    Step(NOON + 86_400_000_000, "reply", "gpt-5", "its texts were erased", "", False, "e2", "x2", "c1"),
]


def shown(steps: list[Step], width: int = 80, lines_max: int = 0) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False, color_system=None)
    for line in lines(steps, width, lines_max):
        console.print(line, soft_wrap=True)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_timeline_for_people() -> None:
    assert shown(STEPS) == (
        "2025-11-21 (UTC)\n"
        "12:00:00  prompt     anna · openai, gpt-5\n"
        "  Write a\n"
        "  letter.\n"
        "12:00:00  finding    pii/EMAIL_ADDRESS in text 1 · medium, redact\n"
        "12:00:01  decision   block · no-mail\n"
        "2025-11-22 (UTC)\n"
        "\n"
        "12:00:00  reply      gpt-5\n"
        "  its texts were erased\n"
    )


def test_nothing_is_wider_than_the_terminal_and_nothing_is_lost() -> None:
    text = "word " * 100 + "x" * 200 + " \U0001f600 日本語" * 30
    for width in (40, 80, 120):
        made = shown([Step(NOON, "prompt", "a" * 90, text, "m" * 90)], width)
        assert all(cell_len(line) <= width for line in made.splitlines())
        joined = "".join(made.split())
        assert "".join(text.split()) in joined
        assert joined.count("m") >= 90


def test_a_long_text_is_cut_and_says_so() -> None:
    step = Step(NOON, "reply", "m", "\n".join(f"line {number}" for number in range(30)))
    made = shown([step], lines_max=5)
    assert "line 4" in made
    assert "line 5" not in made
    assert "… 25 more lines" in made
    assert "1 more line\n" in shown([Step(NOON, "reply", "m", "a\nb")], lines_max=1)


def test_a_prompt_cannot_play_with_the_terminal() -> None:
    hostile = "\x1b[2J\x1b]0;title\x07[bold]not markup[/bold] \u202eevil\r\nnext\ttab \ud800"
    made = shown([Step(NOON, "prompt", "\x1b[31mred", hostile, "a\nb"), Step(NOON, "note", "", "x\x9by\nz")])
    assert not set("\x1b\x07\x9b\r\t\u202e\ud800") & set(made)
    assert "[bold]not markup[/bold]" in made
    assert "  next    tab" in made
    assert "a b" in made


def test_a_timeline_for_programs() -> None:
    first, *_, last = as_objects(STEPS)
    assert first == {
        "at": "2025-11-21T12:00:00.000Z",
        "what": "prompt",
        "who": "anna",
        "text": "Write a\nletter.",
        "note": None,
        "detail": "openai, gpt-5",
        "event_id": "e1",
        "exchange_id": "x1",
        "conversation_id": "c1",
    }
    assert (last["text"], last["note"]) == (None, "its texts were erased")


def test_it_is_no_report_that_needs_no_key() -> None:
    assert "timeline" not in REPORTS


def test_without_steps_there_is_nothing() -> None:
    assert shown([]) == ""
