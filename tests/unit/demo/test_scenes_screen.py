"""The screen: whole or short while it is live, whole at the end, plain lines where there is no terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from weir.demo.scenes import SCENES
from weir.demo.scenes_answers import Answer
from weir.demo.scenes_screen import Line, Screen


def lines() -> list[Line]:
    return [Line(scene.title, scene.does, scene.expects) for scene in SCENES]


def screen_on(height: int, *, terminal: bool = True, rows: Sequence[Line] | None = None) -> Screen:
    console = Console(
        file=io.StringIO(), force_terminal=terminal, width=80, height=height, highlight=False, color_system=None
    )
    return Screen(rows or lines(), console)


def text_of(screen: Screen) -> str:
    assert isinstance(screen.console.file, io.StringIO)
    return screen.console.file.getvalue()


def picture(screen: Screen) -> list[str]:
    rendered = screen.console.render_lines(screen._picture(), pad=False)
    return ["".join(segment.text for segment in line).rstrip() for line in rendered]


@pytest.mark.parametrize(("height", "whole"), [(24, False), (60, True)])
def test_what_is_live_fits_the_window(height: int, whole: bool) -> None:
    screen = screen_on(height)
    screen.playing(0)
    screen.done(0, "three answers", True)
    shown = picture(screen)
    assert len(shown) <= height
    assert all(len(line) <= 80 for line in shown)
    assert any("expected" in line for line in shown) is whole
    assert all(any(scene.title.split()[-1] in line for line in shown) for scene in SCENES)
    assert any("three answers" in line and line.endswith("ok") for line in shown)


def test_the_whole_table_stays_however_low_the_window() -> None:
    screen = screen_on(10, rows=lines()[:2])
    with screen:
        screen.done(0, "fine", True)
        screen.done(1, "other words", False)
    end = text_of(screen).rpartition("expected")[2]
    assert "other words" in end and "differs" in end and "Each SDK asks" in end


def test_nothing_is_shown_of_a_demo_that_never_began() -> None:
    screen = screen_on(24)
    with pytest.raises(RuntimeError), screen:
        raise RuntimeError
    assert "expected" not in text_of(screen)


def test_plain_lines() -> None:
    screen = screen_on(24, terminal=False)
    with screen:
        screen.playing(0)
        screen.done(0, "three answers", True)
        screen.done(1, "an \x1b[31mescape", False)
    said = text_of(screen)
    assert "\x1b" not in said
    assert said.splitlines()[:3] == [
        "1 ok       A clean chat: Each SDK asks its provider something harmless.",
        "           expected: question and answer pass unchanged",
        "           seen:     three answers",
    ]
    assert "2 differs  A streamed chat" in said


def test_an_answer() -> None:
    screen = screen_on(24, terminal=False)
    rows = (("openai", 12, 0.000123), ("a\x1bb", None, 1.5))
    screen.answer(Answer("What?", "SELECT 1", ("service", "n", "cost_usd"), rows))
    said = text_of(screen).splitlines()
    assert said[1:3] == ["What?", "SELECT 1"]
    assert said[5].split() == ["openai", "12", "0.000123"]
    assert said[6].split() == ["a\ufffdb", "-", "1.500000"]


def test_a_wide_answer_still_fits() -> None:
    screen = screen_on(24, terminal=False)
    screen.answer(Answer("What?", "", ("a", "b", "c"), (("x" * 40, "y" * 30, "z" * 7),)))
    screen.answer(Answer("What?", "", ("a", "b"), ()))
    assert f"{'x' * 40} {'y' * 30} {'z' * 7}" in text_of(screen)
