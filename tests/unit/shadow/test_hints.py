"""Rhythms of connections: those of models' replies give a hint, all the ordinary ones don't."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

import pytest

from weir.shadow.hints import Rhythm

Piece = tuple[str, int, float]


def handshake(at: float = 0.0) -> Iterator[Piece]:
    yield from (("up", 517, at), ("down", 4200, at + 0.02), ("up", 80, at + 0.03), ("down", 540, at + 0.05))


def reply(
    dice: random.Random, at: float, pieces: int, gap: float, wait: float = 0.6, up: int = 2400
) -> Iterator[Piece]:
    """What a model says: a head, then an event for every token or few."""
    yield "up", up, at
    at += wait
    yield "down", 900, at
    for _ in range(pieces):
        at += dice.expovariate(1 / gap)
        yield "down", dice.choice((180, 190, 215, 240, 380)), at
    yield "down", 60, at + 0.01


def spoken(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    yield from reply(dice, 0.1, dice.randint(80, 600), dice.uniform(0.015, 0.08))


def spoken_by_h2(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    for i, piece in enumerate(reply(dice, 0.1, 300, 0.03)):
        yield piece
        if i and i % 20 == 0:
            yield "up", 39, piece[2]


def long_thought(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    yield from reply(dice, 0.1, 200, 0.04, wait=45.0, up=180_000)


def several_turns(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    for turn in range(3):
        yield from reply(dice, 1.0 + turn * 120.0, 150, 0.03)


@pytest.mark.parametrize("made", [spoken, spoken_by_h2, long_thought, several_turns], ids=lambda made: made.__name__)
def test_replies_of_models_give_a_hint(made: Callable[[random.Random], Iterator[Piece]]) -> None:
    for seed in range(10):
        assert hint(made, seed).startswith("a reply of "), seed


def browsing(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    at = 0.1
    for _ in range(60):
        yield "up", dice.randint(300, 1400), at
        at += dice.uniform(0.02, 0.2)
        for _ in range(dice.randint(1, 40)):
            yield "down", dice.choice((1400, 4096, 16_400)), at
            at += dice.uniform(0.0001, 0.01)
        at += dice.expovariate(0.5)


def download(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    yield "up", 700, 0.1
    for i in range(3000):
        yield "down", dice.choice((8192, 16_384, 65_536)), 0.2 + i * 0.01


def slow_download(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    yield "up", 700, 0.1
    for i in range(1000):
        yield "down", dice.choice((1380, 1400, 2760)), 0.2 + i * 0.05 + dice.random() * 0.02


def video(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    for segment in range(20):
        yield "up", 800, segment * 4.0
        for i in range(100):
            yield "down", 16_400, segment * 4.0 + 0.1 + i * 0.004


def long_poll(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    for poll in range(40):
        yield "up", 900, poll * 30.0
        yield "down", dice.randint(200, 600), poll * 30.0 + dice.uniform(1, 29)


def people_chatting(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    yield "up", 1200, 0.1
    at = 0.2
    for _ in range(400):
        at += dice.expovariate(1 / 1.5)
        yield "up" if dice.random() < 0.3 else "down", dice.randint(60, 500), at


def git_push(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    yield "up", 900, 0.1
    yield "down", 6000, 0.2
    for i in range(400):
        yield "up", 16_400, 0.3 + i * 0.01
    for i in range(12):
        yield "down", dice.randint(60, 160), 4.5 + i * 0.1


def database(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    at = 0.1
    for _ in range(800):
        yield "up", dice.randint(130, 900), at
        at += dice.uniform(0.0005, 0.01)
        for _ in range(dice.randint(1, 6)):
            yield "down", dice.randint(60, 4000), at
            at += 0.0003
        at += dice.expovariate(1 / 0.05)


def ticker(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    yield "up", 900, 0.1
    for i in range(5_000):
        yield "down", dice.randint(120, 220), 0.2 + i * 0.1 + dice.random() * 0.005


def quotes_all_day(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    yield "up", 900, 0.1
    at = 0.2
    for _ in range(5_000):
        at += dice.expovariate(1 / 0.1)
        yield "down", dice.randint(120, 220), at


def dashboard(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    yield "up", 900, 0.1
    for i in range(600):
        yield "down", dice.randint(150, 400), 1.0 + i + dice.random() * 0.2


def terminal(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    at = 0.1
    for _ in range(900):
        at += dice.expovariate(5)
        yield "up", 70, at
        yield "down", dice.randint(60, 130), at + 0.02


def short_answer(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    yield from reply(dice, 0.1, 20, 0.03)


def pushed_without_asking(dice: random.Random) -> Iterator[Piece]:
    yield from handshake()
    at = 1.0
    for _ in range(300):
        at += dice.expovariate(1 / 0.05)
        yield "down", 200, at


ORDINARY = [
    *(browsing, download, slow_download, video, long_poll, people_chatting, git_push, database, ticker),
    *(quotes_all_day, dashboard, terminal, short_answer, pushed_without_asking),
]


@pytest.mark.parametrize("made", ORDINARY, ids=lambda made: made.__name__)
def test_ordinary_rhythms_give_none(made: Callable[[random.Random], Iterator[Piece]]) -> None:
    for seed in range(4):
        assert hint(made, seed) == "", seed


def hint(made: Callable[[random.Random], Iterator[Piece]], seed: int) -> str:
    rhythm = Rhythm()
    for piece in made(random.Random(seed)):
        rhythm.feed(*piece)
    return rhythm.hint()


def test_the_hint_says_its_figures_and_how_often() -> None:
    assert hint(several_turns, 1).endswith(" s after one upload, 3 times")
    rhythm = Rhythm()
    assert rhythm.hint() == ""
    for piece in (*handshake(), *reply(random.Random(1), 1.0, 100, 0.05)):
        rhythm.feed(*piece)
    said = rhythm.hint()
    assert said.startswith("a reply of 102 small pieces (")
    rhythm.feed("up", 1000, 500.0)
    assert rhythm.hint() == said, "asking changes nothing, and neither does what comes later"


def test_nothing_is_kept_but_a_few_numbers() -> None:
    rhythm = Rhythm()
    began = time.thread_time()
    for i in range(100_000):
        rhythm.feed("down", 200, i * 0.01)
    assert time.thread_time() - began < 3
    assert not hasattr(rhythm, "__dict__")
    assert all(isinstance(getattr(rhythm, name), int | float | str) for name in Rhythm.__slots__)


def test_strange_pieces_are_no_trouble() -> None:
    rhythm = Rhythm()
    for i in range(200):
        rhythm.feed("up" if i % 7 == 0 else "down", 0, 5.0)
    for i in range(200):
        rhythm.feed("down", 10**12, -float(i))
    assert rhythm.hint() == ""
