"""What the audit says of the scenes: the exchanges as DuckDB has them, held against what each scene expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.audit.store import database as store
from weir.cli.output import StoreTrouble, store_errors
from weir.demo.scenes_model import Outcome, Row, Scene
from weir.demo.stage import until

__all__ = ["ANSWERS", "Answer", "Found", "answers", "check", "collect", "scene_of"]

_WAIT_S = 10.0

# The columns that are compared; `finds` are the detectors of all the exchange's findings.
_EXCHANGES = """
SELECT epoch_us(e.started) AS started_us, e.ended IS NOT NULL AS ended, coalesce(e.host, '') AS host,
    coalesce(e.inspection, '') AS inspection, coalesce(e.action, '') AS action, coalesce(e.rule_id, '') AS rule,
    coalesce(e.team, '') AS team, coalesce(e.usage_source, '') AS usage, e.input_tokens, e.output_tokens,
    e.cost_nano, e.req_bytes, e.resp_bytes, coalesce(e.extra->>'$.discovered', '') = 'true' AS discovered,
    (SELECT list(DISTINCT f.detector ORDER BY f.detector) FROM findings f WHERE f.exchange_id = e.exchange_id) AS finds,
    coalesce(e.service, e.host) AS service
FROM exchanges e WHERE e.started >= make_timestamp({since_us}) ORDER BY e.started, e.exchange_id
"""

Found = Mapping[str, Any]  # one row of _EXCHANGES by column name


@dataclass(frozen=True)
class Answer:
    """A question to the store and its rows; ``question`` is what an analyst would type."""

    title: str
    question: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()


ANSWERS = (
    Answer(
        "What did detectors find?",
        "SELECT detector, action, count(*) AS findings,\n"
        '    count(DISTINCT match_hmac) AS "values"\n'
        "FROM findings GROUP BY ALL ORDER BY ALL",
    ),
    Answer(
        "What does it cost, by model?",
        'SELECT service, model, exchanges, input_tokens AS "in", output_tokens AS out,\n'
        "    cost_usd, unpriced\n"
        "FROM cost_by_model ORDER BY cost_usd DESC",
    ),
    Answer(
        "What was stopped, by which rule?",
        "SELECT rule_id, blocked, services\nFROM blocked_by_rule ORDER BY blocked DESC, rule_id",
    ),
    Answer(
        "What could not be seen, and why?",
        "SELECT coalesce(service, host) AS host, inspection, reason,\n"
        "    req_bytes AS up, resp_bytes AS down\n"
        "FROM uninspected ORDER BY started",
    ),
)


def collect(data: Path, since_us: int, expected: int) -> list[Found]:
    """The exchanges since ``since_us`` (epoch), as soon as there are ``expected`` that have ended, or what is there
    after a bounded wait. Raises StoreTrouble when the store cannot be read."""
    found: list[Found] = []

    def ask() -> bool:
        nonlocal found
        if not store.path_of(data).exists():  # the ingester makes it
            return False
        with store_errors():
            columns, rows = store.sql(data, _EXCHANGES.format(since_us=int(since_us)))
        found = [dict(zip(columns, row, strict=True)) for row in rows]
        return len([row for row in found if row["ended"]]) >= expected

    if not until(ask, _WAIT_S, every=0.1) and not store.path_of(data).exists():
        raise StoreTrouble(f"no store came to be in {_WAIT_S:.0f} s")
    return found


def answers(data: Path) -> list[Answer]:
    """The questions with their rows. Raises StoreTrouble."""
    made = []
    for answer in ANSWERS:
        with store_errors():
            columns, rows = store.sql(data, answer.question)
        made.append(Answer(answer.title, answer.question, tuple(columns), tuple(rows)))
    return made


def scene_of(found: Found, outcomes: Sequence[Outcome]) -> int:
    """The number (from 1) of the scene in whose time an exchange began; 0 for none."""
    for number, outcome in enumerate(outcomes, 1):
        if outcome.began_us <= found["started_us"] < outcome.ended_us:
            return number
    return 0


def check(scenes: Sequence[Scene], outcomes: Sequence[Outcome], found: Sequence[Found]) -> list[str]:
    """Everything in which the store differs from what the scenes expect, one line each."""
    wrong = []
    for number, scene in enumerate(scenes, 1):
        rows = [row for row in found if scene_of(row, outcomes) == number]
        if len(rows) != len(scene.rows):
            wrong.append(f"scene {number}: {len(rows)} exchanges, not {len(scene.rows)}")
            continue
        for expected, row in zip(scene.rows, rows, strict=True):
            wrong += [f"scene {number}, {expected.host}: {difference}" for difference in _differences(expected, row)]
    strays = sum(scene_of(row, outcomes) == 0 for row in found)
    if strays:
        wrong.append(f"{strays} exchanges belong to no scene")
    return wrong


def _differences(expected: Row, found: Found) -> list[str]:
    tokens = expected.tokens
    wanted: dict[str, object] = {
        "host": expected.host,
        "ended": True,
        "inspection": expected.inspection,
        "action": expected.action,
        "rule": expected.rule,
        "team": expected.team,
        "finds": sorted(expected.findings),
        "discovered": expected.discovered,
        "usage": "reported" if tokens else "",
        "input_tokens": tokens[0] if tokens else None,
        "output_tokens": tokens[1] if tokens else None,
    }
    seen = {**found, "finds": found["finds"] or []}
    wrong = [
        f"{name} is {_word(seen[name])}, not {_word(value)}" for name, value in wanted.items() if seen[name] != value
    ]
    if tokens and (found["cost_nano"] is not None) != expected.priced:
        wrong.append("it has no price" if expected.priced else "it has a price")
    if expected.metered and not (found["req_bytes"] and found["resp_bytes"]):
        wrong.append("bytes were not counted both ways")
    return wrong


def _word(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    return "nothing" if value in ("", None) else str(value)
