"""Every kind of log, made from a seed with known uses in it, is recognised and read to exactly those."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.harness.logs.events import AI, Seen, tally
from tests.harness.logs.samples import NAMES, sample

from weir.logs.formats import formats
from weir.logs.opening import open_log
from weir.logs.reading import Asked, Reading, read
from weir.logs.text import Text


def _read(path: Path, content: bytes, format: str = "auto", wanted: frozenset[str] | None = None) -> Reading:
    path.write_bytes(content)
    with open_log(path) as log:
        if wanted is None:
            return read(log, Asked(format=format))
        return read(log, Asked(format=format, whose=lambda host, path: host if host in wanted else ""))


def _yearless(seen: dict[str, Seen]) -> dict[str, Seen]:
    """Times as a log without years has them, in whichever year they are taken for."""
    for one in seen.values():
        one.first, one.last = (
            int(datetime.fromtimestamp(at / 1e6, UTC).strftime("%m%d%H%M%S")) for at in (one.first, one.last)
        )
    return seen


@pytest.mark.parametrize("name", NAMES)
def test_a_log_is_recognised_and_read_to_what_happened(name: str, tmp_path: Path) -> None:
    made = sample(name, seed=7)
    got = _read(tmp_path / "log", made.content)
    assert got.format == made.format
    assert sum(got.bad.values()) == made.rejected, got.bad
    assert got.requests == len(made.told)
    told, used = tally(told=made.told), tally(uses=got.uses)
    if not made.dated:
        told, used = _yearless(told), _yearless(used)
    assert used == told


@pytest.mark.parametrize("name", NAMES)
def test_no_other_format_claims_a_log(name: str, tmp_path: Path) -> None:
    made = sample(name, seed=7)
    path = tmp_path / "log"
    path.write_bytes(made.content)
    with open_log(path) as log:
        judged = Text(log).sample
    claims = {format.name: format.looks(judged) for format in formats().values()}
    # Any table with commas can be a CSV: that format stands back where another knows the lines.
    sure = {name: claim for name, claim in claims.items() if claim >= 0.5 and name != "csv"}
    assert list(sure or {"csv": 1.0}) == [made.format]
    assert claims[made.format] - claims["csv"] >= (0.3 if sure else 0.0)


def test_hosts_that_are_not_asked_for_are_counted_only(tmp_path: Path) -> None:
    made = sample("zscaler-json", seed=7)
    got = _read(tmp_path / "log.gz", gzip.compress(made.content), wanted=frozenset(AI))
    told = tally(told=[one for one in made.told if one.host in AI])
    assert tally(uses=got.uses) == told
    assert got.other_requests == len(made.told) - sum(one.requests for one in told.values())


def test_every_seed_makes_another_log_and_the_same_seed_the_same() -> None:
    assert sample("fortigate", 1).content == sample("fortigate", 1).content != sample("fortigate", 2).content
