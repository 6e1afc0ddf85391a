"""Recall, precision, and where things went wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from weir.dlp.evaluate import LabelledError, Sample, Span, evaluate, labels_of, read_samples
from weir.model import Finding

EMAIL, PHONE, KEY = "pii/EMAIL_ADDRESS", "pii/PHONE_NUMBER", "secret/acme-key"


def finding(detector: str, start: int, end: int) -> Finding:
    return Finding(detector, detector.partition("/")[0], 0, start, end, 1.0)


def outcome(spans: Sequence[tuple[int, int, str]], *found: Finding, mapped: dict[str, frozenset[str]] | None = None):
    return evaluate([Sample(7, "x" * 100, tuple(spans))], lambda text: found, mapped)


@pytest.mark.parametrize(
    ("start", "end", "right"),
    [(10, 20, True), (10, 15, True), (10, 14, False), (15, 40, True), (16, 40, False), (0, 100, True), (20, 30, False)],
)
def test_half_of_a_span_must_be_covered(start: int, end: int, right: bool) -> None:
    label = outcome([(10, 20, "EMAIL_ADDRESS")], finding(EMAIL, start, end)).labels["EMAIL_ADDRESS"]
    assert (label.found, label.missed, label.right, label.wrong) == (right, not right, right, not right)


def test_counts_places_and_shares() -> None:
    made = outcome(
        [(0, 10, "EMAIL_ADDRESS"), (20, 30, "EMAIL_ADDRESS"), (40, 50, PHONE)],
        finding(EMAIL, 0, 10),
        finding(EMAIL, 60, 70),
        finding(EMAIL, 80, 90),
        finding(PHONE, 40, 50),
        finding(KEY, 0, 10),
    )
    email = made.labels["EMAIL_ADDRESS"]
    assert (email.recall, email.precision, email.f1) == (0.5, 1 / 3, pytest.approx(0.4))
    assert email.misses == [Span(7, 20, 30)]
    assert email.false == [Span(7, 60, 70, EMAIL), Span(7, 80, 90, EMAIL)]
    assert made.labels[PHONE].f1 == 1.0
    key = made.labels[KEY]
    assert (key.recall, key.precision, key.f1, key.false) == (None, 0.0, None, [Span(7, 0, 10, KEY)])
    assert (made.all.found, made.all.missed, made.all.right, made.all.wrong) == (2, 1, 2, 3)
    assert (made.texts, made.chars) == (1, 100)


def test_several_findings_may_cover_one_span() -> None:
    label = outcome([(0, 10, EMAIL)], finding(EMAIL, 0, 3), finding(EMAIL, 2, 4), finding(EMAIL, 8, 10)).labels[EMAIL]
    assert (label.found, label.right, label.wrong) == (1, 0, 3)


def test_labels_are_full_names_short_names_or_mapped() -> None:
    assert labels_of(EMAIL, {}) == {EMAIL, "EMAIL_ADDRESS"}
    assert labels_of(EMAIL, {EMAIL: frozenset({"MAIL"})}) == {"MAIL"}
    made = outcome([(0, 10, "CREDENTIAL")], finding(KEY, 0, 10), mapped={KEY: frozenset({"CREDENTIAL"})})
    assert made.labels["CREDENTIAL"].f1 == 1.0 and list(made.labels) == ["CREDENTIAL"]


def test_samples_are_read_line_by_line() -> None:
    lines = [
        b'{"text": "abc", "spans": [{"start": 0, "end": 2, "label": "X", "more": 1}], "id": 9}\n',
        b"\n",
        b'{"text": "q"}',
    ]
    assert list(read_samples(lines, "f")) == [Sample(1, "abc", ((0, 2, "X"),)), Sample(3, "q", ())]
    assert "abc" not in repr(Sample(1, "abc", ()))


SPAN = {"start": 0, "end": 2, "label": "X"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line: is not JSON"),
        ("[1]", "line: is no object"),
        ("{}", "text: is no text"),
        (json.dumps({"text": 1}), "text: is no text"),
        (json.dumps({"text": "canary", "spans": {}}), "spans: is no list"),
        (json.dumps({"text": "canary", "spans": [1]}), r"spans\[0\]: is no object"),
        (json.dumps({"text": "canary", "spans": [SPAN, SPAN | {"start": "0"}]}), r"spans\[1\].start: is no number"),
        (json.dumps({"text": "canary", "spans": [SPAN | {"end": True}]}), r"spans\[0\].end: is no number"),
        (json.dumps({"text": "canary", "spans": [SPAN | {"label": ""}]}), r"spans\[0\].label: is no text"),
        (json.dumps({"text": "canary", "spans": [SPAN | {"end": 7}]}), r"spans\[0\]: is not within the text of 6"),
        (json.dumps({"text": "canary", "spans": [SPAN | {"start": 2}]}), r"spans\[0\]: is not within"),
    ],
)
def test_a_bad_line_says_where_and_what_to_write(line: str, said: str) -> None:
    with pytest.raises(LabelledError, match=rf"^f.jsonl:2: {said}.*; ") as raised:
        list(read_samples([b'{"text": ""}', line.encode()], "f.jsonl"))
    assert "canary" not in str(raised.value)
