"""A library that fails and quotes what it was given: nothing of it comes out of the engine, and no text is clean."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.canary import CANARIES
from weir.dlp.core.detector import SecretDetector
from weir.dlp.core.engine import Engine
from weir.dlp.files import read_file
from weir.dlp.rulebook.rules import load_rules
from weir.model import Segment

KEY = b"k" * 32


class Quoting:
    """A detector whose library puts what it read into its exception."""

    name, severity, sources = "pii/BROKEN", "high", ()

    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def find(self, text: str, deadline: object) -> Iterator[tuple[int, int, float]]:
        raise self.error(f"cannot read {text!r}")
        yield (0, 0, 0.0)


@pytest.mark.parametrize(
    "error", [ValueError, TypeError, KeyError, RuntimeError, MemoryError, UnicodeDecodeError, TimeoutError, OSError]
)
def test_an_exception_that_quotes_is_told_by_its_name(
    error: type[Exception], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    made: Any = error if error is not UnicodeDecodeError else _undecodable
    canary = CANARIES.plant("dlp-fault-" + "canary-81542", "a word of a prompt")
    engine = Engine([Quoting(made)], version="v", fingerprint_key=KEY)
    with caplog.at_level(logging.DEBUG):
        scan = engine.scan([Segment("/x", "user", f"before {canary} after")])
    assert not scan.complete and "pii/BROKEN" in scan.reason
    told = repr(scan) + repr(engine) + caplog.text + "".join(capfd.readouterr())
    assert canary not in told


def _undecodable(text: str) -> UnicodeDecodeError:
    return UnicodeDecodeError("utf-8", text.encode(), 0, 1, text)


@pytest.mark.parametrize(
    "head", [b"%PDF-1.7\n", b"PK\x03\x04", b"\x1f\x8b\x08", b"<?xml version='1.0'?><!DOCTYPE a [", b"BZh9"]
)
def test_a_broken_file_is_told_without_its_content(head: bytes) -> None:
    canary = CANARIES.plant("file-fault-" + "canary-77120", "a word of a file")
    texts = read_file(head + canary.encode() + b"\xff\x00" * 50, name=f"{canary}.bin")
    assert not texts.complete
    assert canary not in texts.reason + texts.kind + repr(texts)


def test_a_rule_file_that_is_wrong_is_told_without_its_examples(tmp_path: Any) -> None:
    canary = CANARIES.plant("rule-fault-" + "canary-40713", "an example of a rule")
    (tmp_path / "own.yaml").write_text(
        f"rules:\n  - {{id: custom/x, description: x, severity: low, regex: 'a{{3}}', match: ['{canary}']}}\n"
    )
    with pytest.raises(ValueError) as caught:
        load_rules([tmp_path])
    assert canary not in "".join(traceback.format_exception(caught.value))


def test_repr_of_what_was_found_holds_no_text() -> None:
    rule = next(rule for rule in load_rules().rules if rule.id == "secret/aws-access-key-id")
    key = CANARIES.plant("AKIA" + "QYLPMN5HFIQR7XYB", "an AWS access key id")
    engine = Engine([replace(SecretDetector(rule))], version="v", fingerprint_key=KEY)
    scan = engine.scan([Segment("/x", "user", f"use {key} here")])
    assert len(scan.findings) == 1 and key not in repr(scan) and key not in repr(Segment("/x", "user", key))
