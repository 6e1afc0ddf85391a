"""The demo as a whole, on a stage of paper: what it returns, what it says, how it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from weir.cli.output import StoreTrouble
from weir.demo import scenes
from weir.demo.scenes_answers import Answer
from weir.demo.scenes_model import Cast, Differs, Outcome, Row, Scene
from weir.demo.stage import Trouble


class PaperStage:
    """Everything is said to run; nothing does."""

    trouble: Exception | None = None
    ended = False

    def __init__(self, data: Path | None) -> None:
        self.data, self.proxy, self.ca, self.added = data or Path("data"), "http://weir.example", Path("ca.pem"), {}

    def __enter__(self) -> PaperStage:
        if PaperStage.trouble:
            raise PaperStage.trouble
        PaperStage.ended = False
        return self

    def __exit__(self, *_: object) -> None:
        PaperStage.ended = True


def found_of(host: str, at_us: int) -> dict[str, Any]:
    words = {"host": host, "inspection": "inspected", "action": "allow", "rule": "", "team": "support", "usage": ""}
    numbers = dict.fromkeys(("input_tokens", "output_tokens", "cost_nano", "req_bytes", "resp_bytes", "finds"))
    return {**words, **numbers, "started_us": at_us, "ended": True, "discovered": False, "service": host}


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch, cast: Cast) -> list[dict[str, Any]]:
    """A stage of paper; what the store will hold goes into the list that comes back."""
    store: list[dict[str, Any]] = []
    monkeypatch.setattr(PaperStage, "trouble", None)
    monkeypatch.setattr(scenes, "Stage", PaperStage)
    monkeypatch.setattr(scenes, "_raise_curtain", lambda stage, screen: cast)
    monkeypatch.setattr(scenes, "collect", lambda data, since_us, expected: store)
    monkeypatch.setattr(scenes, "answers", lambda data: [Answer("What else?", "SELECT 1", ("n",), ((1,),))])
    monkeypatch.setattr(scenes, "play", lambda scene, cast: Outcome(scene.play(cast), True, 100, 200))
    return store


ONE = (Scene("A scene", "Does.", "expects", lambda cast: "it", (Row("a.example"),)),)


def test_all_is_well(paper: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    paper.append(found_of("a.example", 150))
    assert scenes.main(None, ONE) == 0
    said = capsys.readouterr().out
    assert "1 ok       A scene: Does." in said and "2 ok       The audit" in said
    assert "Everything is as the scenes say" in said and "What else?" in said
    assert "--data DIR" in said
    assert PaperStage.ended


def test_the_store_that_stays_is_named(
    paper: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    paper.append(found_of("a.example", 150))
    assert scenes.main(tmp_path, ONE) == 0
    assert f"--data {tmp_path}" in capsys.readouterr().out.replace("\n", "")


def differing(_: Cast) -> str:
    raise Differs("not it")


def test_a_scene_differs(
    paper: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paper.append(found_of("a.example", 150))
    monkeypatch.setattr(scenes, "play", lambda scene, cast: Outcome("not it", False, 100, 200))
    assert scenes.main(None, ONE) == 1
    said = capsys.readouterr().out
    assert "1 differs  A scene" in said and "2 ok       The audit" in said
    assert "Something differs" in said


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "differs: scene 1: 0 exchanges, not 1"),
        ([("b.example", 150)], "differs: scene 1, a.example: host is b.example, not a.example"),
        ([("a.example", 150), ("a.example", 250)], "differs: 1 exchanges belong to no scene"),
    ],
)
def test_the_store_differs(
    paper: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], rows: Sequence[tuple[str, int]], said: str
) -> None:
    paper += [found_of(host, at) for host, at in rows]
    assert scenes.main(None, ONE) == 1
    assert said in capsys.readouterr().out


def test_the_store_does_not_answer(
    paper: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def silent(*_: object) -> list[Any]:
        raise StoreTrouble("it is not there")

    monkeypatch.setattr(scenes, "collect", silent)
    monkeypatch.setattr(scenes, "answers", silent)
    assert scenes.main(None, ONE) == 1
    assert "the store did not answer: it is not there" in capsys.readouterr().out


def test_an_installation_without_the_sdks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(scenes.clients, "missing", lambda: ["openai", "google.genai"])
    assert scenes.main(None) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1 and "openai, google.genai" in said.err and "pip install 'weir[demo]'" in said.err


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (Trouble("weir ended at once: no"), "weir demo: weir ended at once: no\n"),
        (OSError(28, "No space left on device"), "weir demo: OSError: No space left on device\n"),
    ],
)
def test_trouble_is_one_line(
    paper: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trouble: Exception,
    said: str,
) -> None:
    monkeypatch.setattr(PaperStage, "trouble", trouble)
    assert scenes.main(None, ONE) == 1
    assert capsys.readouterr().err == said


def signalled(number: int) -> Callable[[Cast], str]:
    def act(_: Cast) -> str:
        os.kill(os.getpid(), number)
        signal.pause()
        return ""

    return act


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_in_order(paper: list[dict[str, Any]], number: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as caught:
        scenes.main(None, (Scene("A scene", "Does.", "expects", signalled(number), ()),))
    assert caught.value.code == 128 + number
    assert PaperStage.ended
    assert signal.getsignal(number) == before
