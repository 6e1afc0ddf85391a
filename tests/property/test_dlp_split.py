"""A finding stays where it is: whatever the segments are cut into, and however the detectors are brought to run."""

from __future__ import annotations

import random
from functools import cache
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weir.dlp.core.engine import Engine
from weir.dlp.core.overlaps import Hit, resolve
from weir.dlp.core.patterns import Deadline
from weir.dlp.core.prefilter import WINDOW_BYTES
from weir.dlp.rulebook.rules import load_rules
from weir.model import Finding, Segment

quick = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
few = settings(deadline=None, max_examples=3, suppress_health_check=[HealthCheck.too_slow])


@cache
def engine() -> Engine:
    return Engine.load(fingerprint_key=b"property-test-key", cache_entries=0)


@cache
def remembering() -> Engine:
    return Engine(engine()._scanner.detectors, version="1", fingerprint_key=b"property-test-key")


def segments(*texts: str) -> list[Segment]:
    return [Segment(f"/{n}", "user", text) for n, text in enumerate(texts)]


secrets = st.sampled_from([example for rule in load_rules().rules for example in rule.match])
values = st.sampled_from(
    ["bob@acme-corp.com", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", "+1 212 555 0147", "10.20.30.40"]
)
words = st.sampled_from(
    ["please", "send", "—", "naïve", "\n", "(", "日本", "1.2.3", "ssn", "0x4f", "\x00", "'", "12345"]
)
documents = st.lists(st.one_of(secrets, values, words), max_size=14).map(" ".join)


def whole(text: str) -> set[tuple[str, int, int]]:
    scan = engine().scan(segments(text))
    assert scan.complete
    return {(finding.detector, finding.start, finding.end) for finding in scan.findings}


def moved(findings: tuple[Finding, ...], starts: list[int]) -> set[tuple[str, int, int]]:
    return {(f.detector, starts[f.segment] + f.start, starts[f.segment] + f.end) for f in findings}


@quick
@given(st.lists(st.one_of(values, st.just("ghp_" + "aB3d5F7h9J" * 3 + "kL1m2N"), words), max_size=14), st.data())
def test_a_finding_does_not_move_when_the_text_is_cut_at_or_outside_its_edges(
    parts: list[str], data: st.DataObject
) -> None:
    text = " word ".join(parts)
    found = whole(text)
    inner = {at for _, start, end in found for at in range(start + 1, end)}
    # A word's worth away from every finding: a detector may look at the words near a hit, and they stay with it.
    near = {at for _, start, end in found for at in range(start - 160, end + 60)} - {0}
    free = [at for at in range(1, len(text)) if at not in inner and at not in near]
    cuts = sorted(data.draw(st.sets(st.sampled_from(free), max_size=4))) if free else []
    edges = [0, *cuts, len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    scan = engine().scan(segments(*pieces))
    assert found <= moved(scan.findings, edges)


@quick
@given(secrets, st.integers(0, 10_000))
def test_what_a_text_holds_is_told_of_its_segment_wherever_that_stands(secret: str, place: int) -> None:
    alone = engine().scan(segments(secret)).findings
    texts = ["hello there", "how are you?", "", "fine."]
    at = place % (len(texts) + 1)
    texts.insert(at, secret)
    found = engine().scan(segments(*texts)).findings
    told = {(f.detector, f.start, f.end, f.fingerprint) for f in found if f.segment == at}
    assert {(f.detector, f.start, f.end, f.fingerprint) for f in alone} <= told


@quick
@given(documents)
def test_scanning_twice_and_from_the_cache_is_the_same(text: str) -> None:
    first, second = remembering().scan(segments(text, text)), remembering().scan(segments(text, text))
    assert first.findings == second.findings == engine().scan(segments(text, text)).findings
    assert second.scanned_chars == 0


def unfiltered(text: str) -> list[Hit]:
    """What every detector finds when it is run over the whole text."""
    hits: list[Hit] = []
    for detector in engine()._scanner.detectors:
        for start, end, score in detector.find(text, Deadline(10)):
            hits.append((start, end, score, detector.severity, detector.name))
    return resolve(hits)


def filtered(text: str) -> list[Hit]:
    """What the prefilter lets through, run around its places."""
    scanner, hits = engine()._scanner, list[Hit]()
    data = text.encode("utf-8", "surrogatepass")
    from weir.dlp.core.scan import _Budget

    assert scanner._run(text, scanner._located(data, None), hits, _Budget(10.0, None), ()) == []
    return resolve(hits)


@quick
@given(documents)
def test_the_prefilter_and_its_places_lose_nothing(text: str) -> None:
    assert filtered(text) == unfiltered(text)


@quick
@given(secrets, secrets, st.text("ab12 .:/@=-_\n\"'", max_size=30), st.integers(0, 10_000))
def test_nor_do_they_where_values_run_into_each_other(one: str, other: str, between: str, cut: int) -> None:
    cut %= len(other) + 1
    text = f"{one}{between}{other[cut:]}{other[:cut]}"
    assert filtered(text) == unfiltered(text)


@few
@given(st.lists(st.one_of(values, secrets), min_size=1, max_size=3), st.integers(0, 2**32), st.booleans())
def test_nor_at_the_edges_of_windows(found: list[str], seed: int, plain: bool) -> None:
    chance = random.Random(seed)
    filler = "lorem ipsum dolor " if plain else "lörem ipsum dølor "
    parts: list[str] = []
    for value in found:
        chars = WINDOW_BYTES - chance.randrange(60_000)
        parts += [(filler * (chars // len(filler) + 1))[:chars], " ", value, " "]
    text = "".join(parts)
    assert filtered(text) == unfiltered(text)
