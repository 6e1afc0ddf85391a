"""``weir demo``: the real SDKs go through a real weir to local doubles of the providers, and the audit is asked."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from weir.cli.output import StoreTrouble
from weir.demo import clients
from weir.demo.scenes_access import DISCOVERED, METERED, REFUSED, VIRTUAL_KEY
from weir.demo.scenes_answers import Answer, Found, answers, check, collect, scene_of
from weir.demo.scenes_budget import BUDGET
from weir.demo.scenes_chat import CLEAN, STREAMED
from weir.demo.scenes_disguise import DISGUISED
from weir.demo.scenes_dlp import CREDENTIAL, PERSONAL
from weir.demo.scenes_model import Cast, Outcome, Scene, play
from weir.demo.scenes_screen import Line, Screen
from weir.demo.stage import PILOT, Stage, Trouble
from weir.tls.trust import environment

__all__ = ["SCENES", "main"]

SCENES: tuple[Scene, ...] = (
    CLEAN,
    STREAMED,
    PERSONAL,
    CREDENTIAL,
    DISGUISED,
    VIRTUAL_KEY,
    BUDGET,
    REFUSED,
    DISCOVERED,
    METERED,
)

_KEYS = (
    ("--team", "support", "--app", "help-desk"),
    ("--team", "finance", "--app", "ledger", "--services", "openai,anthropic,google-gemini"),
    ("--team", PILOT, "--app", "trial", "--services", "openai"),
)
_DIFFERENCES_SHOWN = 10
_ENDING = (signal.SIGTERM, signal.SIGHUP)


def main(data: Path | None, scenes: Sequence[Scene] = SCENES) -> int:
    """Play the scenes and show them; weir's data stays in ``data``, or goes at the end when that is None.

    Returns 0 when everything was as the scenes say, 1 when something differs or could not be started.
    """
    if lacking := clients.missing():
        names = ", ".join(lacking)
        sys.stderr.write(f"weir demo: this installation lacks {names}; install with pip install 'weir[demo]'\n")
        return 1
    try:
        with _ended_by_signals(), Stage(data) as stage:
            return _perform(stage, scenes, kept=data)
    except (Trouble, OSError) as trouble:
        said = str(trouble) if isinstance(trouble, Trouble) else f"{type(trouble).__name__}: {trouble.strerror}"
        sys.stderr.write(f"weir demo: {said}\n")
        return 1


def _perform(stage: Stage, scenes: Sequence[Scene], kept: Path | None) -> int:
    began = time.monotonic()
    lines = [Line(scene.title, scene.does, scene.expects) for scene in scenes]
    expected = sum(len(scene.rows) for scene in scenes)
    lines.append(Line("The audit", "DuckDB is asked while weir runs.", f"{expected} exchanges, as the scenes say"))
    since_us = time.time_ns() // 1_000_000_000 * 1_000_000  # a whole second, so that people can read it
    with Screen(lines) as screen:
        cast = _raise_curtain(stage, screen)
        outcomes = []
        with clients.environment(environment(stage.proxy, stage.ca, stage.ca)):
            for number, scene in enumerate(scenes):
                screen.playing(number)
                outcomes.append(play(scene, cast))
                screen.done(number, outcomes[-1].seen, outcomes[-1].ok)
        screen.playing(len(scenes))
        found, wrong = _ask(stage.data, since_us, scenes, outcomes)
        seen = f"{len(found)} exchanges, each as its scene says" if not wrong else f"{len(wrong)} differences"
        screen.done(len(scenes), seen, not wrong)
    for difference in wrong[:_DIFFERENCES_SHOWN]:
        screen.say(f"differs: {difference}", "red")
    _show_answers(stage.data, screen, since_us, found, outcomes)
    fine = not wrong and all(outcome.ok for outcome in outcomes)
    _farewell(screen, fine, kept, time.monotonic() - began)
    return 0 if fine else 1


def _raise_curtain(stage: Stage, screen: Screen) -> Cast:
    """Start everything that the scenes need, at the same time where it can be."""
    with ThreadPoolExecutor() as pool:
        keys = [pool.submit(stage.command, "keys", "create", *options) for options in _KEYS]
        stage.open_doubles()
        key, other_key, pilot_key = (made.result() for made in keys)
    stage.open_weir()
    clients.load()
    stage.await_weir()
    screen.say(f"weir: {stage.proxy}; providers: local doubles, no network needed.")
    screen.say("Policy: policies/enforce.yaml" + (", with this added and nothing else:" if stage.added else "."))
    for section, added in stage.added.items():
        screen.say(f"    {section}: {added}")
    screen.say("The SDKs learn proxy and CA from the environment; nothing else is changed.")
    screen.say("")
    sdks = (clients.OpenAI(), clients.Anthropic(), clients.Gemini())
    return Cast(sdks, stage.upstream, stage.upstream_ca, stage.real_keys, key, other_key, pilot_key)


def _ask(
    data: Path, since_us: int, scenes: Sequence[Scene], outcomes: Sequence[Outcome]
) -> tuple[list[Found], list[str]]:
    try:
        found = collect(data, since_us, sum(len(scene.rows) for scene in scenes))
    except StoreTrouble as trouble:
        return [], [f"the store did not answer: {trouble}"]
    return found, check(scenes, outcomes, found)


def _show_answers(
    data: Path, screen: Screen, since_us: int, found: Sequence[Found], outcomes: Sequence[Outcome]
) -> None:
    since = datetime.fromtimestamp(since_us // 1_000_000, UTC).replace(tzinfo=None)
    question = (
        "SELECT coalesce(service, host) AS service, inspection, action, rule_id,\n"
        '    input_tokens AS "in", output_tokens AS out\n'
        f"FROM exchanges WHERE started >= '{since}' ORDER BY started"
    )
    columns = ("#", "service", "inspection", "action", "rule_id", "in", "out")
    names = ("service", "inspection", "action", "rule", "input_tokens", "output_tokens")
    rows = tuple((scene_of(row, outcomes), *(row[name] or None for name in names)) for row in found)
    screen.answer(Answer("What happened? (# is the scene)", question, columns, rows))
    try:
        for answer in answers(data):
            screen.answer(answer)
    except StoreTrouble as trouble:
        screen.say(f"the store did not answer: {trouble}", "red")


def _farewell(screen: Screen, fine: bool, kept: Path | None, seconds: float) -> None:
    screen.say("")
    verdict = "Everything is as the scenes say" if fine else "Something differs from what the scenes say"
    screen.say(f"{verdict} ({seconds:.0f} s).", "bold green" if fine else "bold red")
    if kept is None:
        screen.say("The store goes with the demo; to keep it: weir demo --data DIR")
    else:
        screen.say(f"The store stays: scripts/weir audit sql 'FROM exchanges' --data {kept}")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the demo as Ctrl-C does: through every clean-up on the way out."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    try:
        before = [(number, signal.signal(number, leave)) for number in _ENDING]
    except ValueError:  # not the main thread: its signals are somebody else's business
        yield
        return
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
