"""When a host rests, when one request tries it, and how long a key is told to wait."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.routing.breaker import REST_S_MAX, Board, Change

HOST, KEY = "api.example.com", "example-1"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(clock)


def fail(board: Board, times: int, asked_s: float | None = None) -> list[Change | None]:
    return [board.failed(HOST, 3, 30.0, asked_s) for _ in range(times)]


def test_it_opens_after_so_many_failures_in_a_row(board: Board) -> None:
    assert fail(board, 2) == [None, None] and board.admits(HOST, KEY)
    assert board.answered(HOST) is None
    assert fail(board, 3) == [None, None, Change(HOST, 30.0, 3)]
    assert board.state(HOST) == "open" and not board.admits(HOST, KEY)
    assert board.admits("other.example.com", KEY)


def test_one_request_tries_it_when_its_rest_is_over(board: Board, clock: Clock) -> None:
    fail(board, 3)
    clock.now += 30
    assert board.state(HOST) == "half-open"
    assert [board.admits(HOST, KEY) for _ in range(3)] == [True, False, False]
    assert board.answered(HOST) == Change(HOST, 0.0, 3)
    assert board.state(HOST) == "closed" and board.admits(HOST, KEY)


def test_one_that_fails_the_try_rests_again_without_news(board: Board, clock: Clock) -> None:
    fail(board, 3)
    clock.now += 30
    assert board.admits(HOST, KEY)
    assert board.failed(HOST, 3, 30.0) is None
    assert not board.admits(HOST, KEY)
    clock.now += 29
    assert not board.admits(HOST, KEY)
    clock.now += 1
    assert board.admits(HOST, KEY)


def test_a_try_that_never_reports_does_not_keep_it_shut(board: Board, clock: Clock) -> None:
    fail(board, 3)
    clock.now += 30
    assert board.admits(HOST, KEY) and not board.admits(HOST, KEY)
    clock.now += 30
    assert board.admits(HOST, KEY)


def test_failures_of_what_was_under_way_do_not_shorten_the_rest(board: Board, clock: Clock) -> None:
    assert fail(board, 1, asked_s=120.0) == [Change(HOST, 120.0, 1)]
    assert fail(board, 2) == [None, None]
    clock.now += 119
    assert not board.admits(HOST, KEY)


def test_a_provider_cannot_ask_for_ever(board: Board, clock: Clock) -> None:
    (change,) = fail(board, 1, asked_s=1e9)
    assert change is not None and change.rest_s == REST_S_MAX
    assert board.failed("x", 3, 30.0, 0.0) is None  # nor for nothing
    board.limit(HOST, KEY, 1e9)
    clock.now += REST_S_MAX
    assert not board.limited(HOST, KEY) and board.admits(HOST, KEY)


def test_a_limited_key_waits_there_and_nowhere_else(board: Board, clock: Clock) -> None:
    board.limit(HOST, KEY, 5)
    board.limit(HOST, KEY, 1)  # a later word does not shorten it
    assert board.limited(HOST, KEY) and not board.admits(HOST, KEY)
    assert board.admits(HOST, "example-2") and board.admits("eu.example.com", KEY)
    clock.now += 5
    assert board.admits(HOST, KEY)


def test_the_board_is_bounded(board: Board) -> None:
    for number in range(5000):
        board.failed(f"h{number}", 1, 30.0)
        board.limit(f"h{number}", KEY, 60)
    assert len(board._hosts) == 1024 and len(board._limited) == 4096
    assert board.admits("h0", "other") and not board.admits("h4999", "other")


def fail_by(board: Board, *callers: str, failures: int = 5) -> list[Change | None]:
    return [board.failed(HOST, failures, 30.0, caller=one) for one in callers]


def test_one_caller_s_failures_rest_for_that_caller(board: Board, clock: Clock) -> None:
    assert fail_by(board, *["ada"] * 5)[-1] == Change(HOST, 30.0, 5, "ada")
    assert not board.admits(HOST, KEY, "ada") and board.admits(HOST, KEY, "bob") and board.admits(HOST, KEY)
    assert (board.state(HOST), board.state(HOST, "ada"), board.state(HOST, "bob")) == ("closed", "open", "closed")
    fail_by(board, *["ada"] * 500)
    assert board.admits(HOST, KEY, "bob")
    clock.now += 30
    assert [board.admits(HOST, KEY, "ada") for _ in range(2)] == [True, False]
    assert board.answered(HOST, "ada") == Change(HOST, 0.0, 505, "ada")
    assert board.admits(HOST, KEY, "ada") and not board._own


@pytest.mark.parametrize(
    ("failures", "callers", "opens"),
    [
        (5, "aaaab", False),
        (5, "aaabb", True),
        (5, "ababc", True),
        (5, "aaaaaaaaab", False),
        (2, "aaaa", False),
        (2, "ab", True),
        (1, "aaa", False),
        (1, "ab", True),
        (3, "aaab", True),
    ],
)
def test_of_the_failures_no_caller_counts_for_more_than_half(
    failures: int, callers: str, opens: bool, board: Board
) -> None:
    fail_by(board, *callers, failures=failures)
    assert (board.state(HOST) == "open") is opens
    assert board.admits(HOST, KEY, "z") is not opens


def test_a_busy_wait_is_for_whoever_was_told_and_for_all_when_several_were(board: Board) -> None:
    assert board.failed(HOST, 2, 30.0, 90.0, "ada") == Change(HOST, 90.0, 1, "ada")
    assert board.admits(HOST, KEY, "bob")
    assert board.failed(HOST, 2, 30.0, 60.0, "bob") == Change(HOST, 60.0, 2)
    assert not board.admits(HOST, KEY, "carl")


def test_whose_try_failed_lets_others_try_next(board: Board, clock: Clock) -> None:
    fail(board, 3)
    clock.now += 30
    assert board.admits(HOST, KEY, "ada")
    board.failed(HOST, 3, 30.0, caller="ada")
    clock.now += 30
    assert not board.admits(HOST, KEY, "ada") and board.admits(HOST, KEY, "bob")
    board.answered(HOST, "bob")
    assert board.admits(HOST, KEY, "ada")
    fail(board, 3)
    clock.now += 30
    board.failed(HOST, 3, 30.0, caller="ada")
    clock.now += 60
    assert board.admits(HOST, KEY, "ada"), "nobody else came"


def test_so_is_what_is_known_of_callers(board: Board) -> None:
    for number in range(5000):
        board.failed(HOST, 1000, 30.0, caller=f"c{number}")
    assert len(board._own) == 4096 and len(board._hosts[HOST].by) == 64


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["fail", "ok", "ask", "wait"]), max_size=60))
def test_whatever_happens_it_is_tried_again_in_time(steps: list[str]) -> None:
    clock = Clock()
    board = Board(clock)
    for step in steps:
        if step == "fail":
            board.failed(HOST, 3, 30.0)
        elif step == "ok":
            board.answered(HOST)
            assert board.admits(HOST, KEY)
        elif step == "ask":
            board.admits(HOST, KEY)
        else:
            clock.now += 7
    clock.now += 30
    assert board.admits(HOST, KEY)
