"""Whatever a file holds, reading it ends soon, in a result or one line of why not; none of it steers a terminal."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.harness.logs.hostile import CASES, spoiled
from tests.harness.logs.samples import NAMES, sample

from weir.logs.format import FormatError, Sample
from weir.logs.formats import formats
from weir.logs.opening import open_log
from weir.logs.reading import Asked, Reading, read

SOON = 60.0  # seconds; each takes well under one where nothing else runs


def _read(path: Path, format: str) -> Reading | None:
    started = time.monotonic()
    try:
        with open_log(path) as log:
            got = read(log, Asked(format=format), path.parent)
    except FormatError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 300
        got = None
    assert time.monotonic() - started < SOON
    return got


def _sound(got: Reading | None) -> None:
    """Counts that fit each other, and text that a terminal can show."""
    if got is None:
        return
    assert got.lines >= sum(got.bad.values())
    assert got.requests == got.other_requests + sum(use.requests for use in got.uses)
    for use in got.uses:
        assert use.host
        assert 0 <= use.first <= use.last < 4_200_000_000_000_000
        assert (use.bytes_up or 0) >= 0 <= (use.bytes_down or 0)
        for text in (use.host, use.path, use.user, use.device, use.department, use.source, use.agent):
            assert not any(ord(one) < 32 or 0x7F <= ord(one) < 0xA0 for one in text), repr(text)
    assert not any(ord(one) < 32 for why in got.bad for one in why)


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_is_read_or_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(CASES[name])
    _sound(_read(path, "auto"))


@pytest.mark.parametrize("format", formats())
def test_no_format_falls_over_what_it_is_told_to_read(format: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    # All cases in one file, as far as they are text; the packed and the large ones stand for themselves above.
    path.write_bytes(b"\n".join(case for case in CASES.values() if len(case) < 100_000))
    _sound(_read(path, format))


def test_bad_lines_cost_only_themselves(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(CASES["long-line-in-log"])
    got = _read(path, "auto")
    assert got is not None
    assert got.requests == 100
    assert sum(got.bad.values()) == 3  # the long line, and twice a request without a destination
    assert got.lines == 103


def test_what_of_a_torn_archive_is_whole_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    for name in ("gzip-cut", "zstd-cut"):
        path.write_bytes(CASES[name])
        got = _read(path, "squid")
        assert got is None or ((got.trouble and got.requests > 500) or got.requests == 0), name


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), seed=st.integers(0, 1 << 32))
def test_a_spoiled_log_is_read_or_refused(name: str, seed: int, tmp_path: Path) -> None:
    made = sample(name, many=20)
    path = tmp_path / "log"
    path.write_bytes(spoiled(made.content, Random(seed)))
    _sound(_read(path, made.format))


@settings(max_examples=30, deadline=None)
@given(head=st.binary(max_size=300), name=st.sampled_from(NAMES), cut=st.integers(0, 3000))
def test_recognising_never_raises(head: bytes, name: str, cut: int) -> None:
    data = head + sample(name, many=20).content[:cut] + head
    lines = tuple(data.decode("utf-8", "replace").split("\n")[:200])
    for format in formats().values():
        assert 0.0 <= format.looks(Sample(data, lines)) <= 1.0
