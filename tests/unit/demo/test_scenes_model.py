"""Scenes as values, and how they are played."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from weir.demo.scenes import SCENES
from weir.demo.scenes_model import Cast, Differs, Row, Scene, need, only, play, reply_to, status_of
from weir.demo.upstream import Upstream

CAST = Cast((), Upstream(0), Path("ca.pem"), {"openai": "real-key"}, "virtual-one", "virtual-two", "virtual-three")
SCENE = Scene("A scene", "Does.", "expects", lambda cast: "it", ())


class SdkError(Exception):
    status_code = 418


def failing(error: Exception) -> Any:
    def act(_: Cast) -> str:
        raise error

    return act


@pytest.mark.parametrize(
    ("act", "seen", "ok"),
    [
        (lambda cast: "three answers", "three answers", True),
        (failing(Differs("two answers")), "two answers", False),
        (failing(SdkError("quotes a secret")), "SdkError (status 418)", False),
        (failing(ValueError("quotes a secret")), "ValueError", False),
    ],
)
def test_play(act: Any, seen: str, ok: bool) -> None:
    outcome = play(replace(SCENE, play=act), CAST)
    assert (outcome.seen, outcome.ok) == (seen, ok)
    assert 0 < outcome.began_us <= outcome.ended_us


def test_ctrl_c_is_no_difference() -> None:
    def interrupted(_: Cast) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(replace(SCENE, play=interrupted), CAST)


def test_tokens_are_those_of_the_doubles() -> None:
    assert Row("a.example").tokens is None
    assert Row("a.example", read="x" * 5).tokens == (2, 4)  # "You said: xxxxx"


def test_need_and_only() -> None:
    need(True, "fine")
    with pytest.raises(Differs, match=r"^not fine$"):
        need(False, "not fine")
    with pytest.raises(Differs, match="sdk: 0 requests reached the provider"):
        only([], "sdk")


def test_status_of() -> None:
    assert status_of(SdkError()) == 418
    assert status_of(ValueError()) == 0


def test_a_cast_shows_no_key() -> None:
    assert "virtual-" not in repr(CAST) and "real-key" not in repr(CAST)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.title)
def test_every_scene_tells_what_it_does(scene: Scene) -> None:
    assert scene.does.endswith(".") and len(scene.does) <= 70
    assert scene.expects and len(scene.expects) <= 60
    assert scene.rows


def test_all_sdk_count_the_same_tokens() -> None:
    # The doubles of Anthropic and Gemini count one character more: a prompt at the edge would tell them apart.
    for row in (row for scene in SCENES for row in scene.rows if row.read is not None):
        assert row.tokens == (-(-(len(row.read) + 1) // 4), -(-len(reply_to(row.read)) // 4))
